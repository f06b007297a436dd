//! One server of a rolling restart: its turn, and what became of it.

use domain::{
    AtItsTurn, Became, Begun, InTurn, Outcome, RestartId, RestartState, RestartStep, ServerStatus, StartId,
    at_its_turn, became, policy::Action,
};

use super::{
    ABORTED,
    rolling::{begin, by_itself, pause},
};
use crate::{
    app::{App, drift, moves::Move, processes, servers::started, starting},
    clock,
    error::{Error, Result},
    store::{
        Connection, Permit, Writing,
        access::standing_of_asker,
        audit,
        restarts::{self, Restart, Step, ToStep},
        servers::{self, Among, Server, Transition},
        starts,
    },
};

/// Restarts the server of a step if that is still to be done, and records what became of it. Pauses the whole restart
/// where nothing can go on: without keys, or once whoever asked may not restart this server any more.
pub(super) async fn take(app: App, id: RestartId, position: u32) -> Result<()> {
    let Some(step) = restarts::step(&mut *app.store.read().await?, id, position).await? else { return Ok(()) };
    let begun = move_of(&app, &step).await;
    let Some((mut tx, restart)) = begin(&app, id).await? else { return Ok(()) };
    let step = restarts::step(&mut tx, id, position).await?.filter(|step| step.state == RestartStep::Waiting);
    let (Some(step), RestartState::Running) = (step, restart.state) else { return Ok(()) };
    let server = servers::by_id(&mut tx, step.server).await?.ok_or(Error::NotFound)?;
    let in_turn = InTurn {
        status: (!step.deleted).then_some(server.status),
        differs: differs(&app, &mut tx, &restart, &server).await?,
        cut_off: step.start.is_some() && starts::newest(&mut tx, server.id).await? == step.start,
    };
    let what = match at_its_turn(in_turn) {
        AtItsTurn::Skip(why) => return skip(tx, &restart, &step, why).await,
        what => what,
    };
    let permit = match permit_of_asker(&mut tx, &restart, &step).await? {
        Ok(permit) => permit,
        Err(why) => return pause(tx, &restart, &why).await,
    };
    let launch = match starting::plan(&app, &mut tx, &permit, &server).await {
        Err(Error::Sealed(why)) => return pause(tx, &restart, &why).await,
        planned => planned?,
    };
    let start = launch.start;
    let restarting = ToStep { state: RestartStep::Restarting, detail: "", start: Some(start) };
    restarts::move_step(&mut tx, &permit, id, &step, &restarting).await?;
    if what == AtItsTurn::Start {
        let starting = Transition { status: ServerStatus::Starting, detail: "", exit_code: None, start: Some(start) };
        servers::transition(&mut tx, &permit, &server, &starting).await?;
    }
    let mut event = started(&server, &launch);
    event.details["rolling_restart"] = id.to_string().into();
    let committed = audit::commit(tx, permit, event).await;
    committed.map_err(|error| processes::not_committed(&app, vec![(server.id, start)], error))?;
    match what {
        AtItsTurn::Start => starting::start(app.clone(), launch, begun).await,
        _ => starting::restart(app.clone(), server, launch, begun).await,
    }
    processes::watch_first_moment(&app, step.server, start).await;
    processes::insist(&app.store, "what became of a server in a rolling restart", start, || {
        settle(&app, id, position, false)
    })
    .await;
    Ok(())
}

/// Waits until nobody else moves the server, and begins to.
async fn move_of(app: &App, step: &Step) -> Move {
    loop {
        Move::is_over(app, step.server).await;
        if let Ok(begun) = Move::begin(app, step.server) {
            return begun;
        }
    }
}

/// Whether a restart would still bring the server what this restart is for.
async fn differs(app: &App, db: &mut Connection, restart: &Restart, server: &Server) -> Result<bool> {
    let secret = restart.secret.as_ref().map(|(id, _)| *id);
    let stale = drift::because(app, db, restart.organization.0, Among::Server(server.id), secret).await?;
    Ok(!stale.is_empty())
}

async fn skip(mut tx: Writing, restart: &Restart, step: &Step, why: &str) -> Result<()> {
    let permit = by_itself(restart);
    let skipped = ToStep { state: RestartStep::Skipped, detail: why, start: None };
    restarts::move_step(&mut tx, &permit, restart.id, step, &skipped).await?;
    Ok(audit::commit_observation(tx, permit).await?)
}

/// The permit of whoever asked, as they are now; or why they get none.
async fn permit_of_asker(
    tx: &mut Writing,
    restart: &Restart,
    step: &Step,
) -> Result<std::result::Result<Permit, String>> {
    let (name, workspace) = (&restart.asked_by.name, &step.workspace.1);
    let asker = (restart.asked_by.id, restart.credential);
    let Some(standing) = standing_of_asker(tx, asker, step.workspace.0, clock::now()).await? else {
        return Ok(Err(format!("the token with which {name} asked for it was revoked")));
    };
    let lost = |_| format!("{name}, who asked for it, may not restart servers of {workspace} any more");
    Ok(standing.permit(Action::StopServers).map_err(lost))
}

/// Records what became of a server whose restart was begun; `cut_off` where nobody who restarted it is left to say so.
/// Leaves it alone while that is not settled.
pub(super) async fn settle(app: &App, id: RestartId, position: u32, cut_off: bool) -> Result<()> {
    let Some((mut tx, restart)) = begin(app, id).await? else { return Ok(()) };
    let step = restarts::step(&mut tx, id, position).await?.filter(|step| step.state == RestartStep::Restarting);
    let Some(step) = step else { return Ok(()) };
    let server = servers::by_id(&mut tx, step.server).await?.ok_or(Error::NotFound)?;
    let (outcome, why) = outcome_of(&mut tx, step.start).await?;
    let stopping_for_new = processes::is_restarting(&server);
    let over = matches!(restart.state, RestartState::Aborted | RestartState::Done);
    let (state, detail) = match became(Begun { outcome, status: server.status, stopping_for_new, cut_off }) {
        Became::Unsettled => return Ok(()),
        Became::Done => (RestartStep::Done, ""),
        Became::Stopped => (RestartStep::Skipped, "it was stopped meanwhile"),
        Became::Again if !over => (RestartStep::Waiting, ""),
        Became::Again if server.status == ServerStatus::Running => (RestartStep::Skipped, ABORTED),
        Became::Failed if outcome == Outcome::Failed => (RestartStep::Failed, why.as_str()),
        Became::Failed | Became::Again => (RestartStep::Failed, server.status_detail.as_str()),
    };
    let permit = by_itself(&restart);
    restarts::move_step(&mut tx, &permit, id, &step, &ToStep { state, detail, start: step.start }).await?;
    Ok(audit::commit_observation(tx, permit).await?)
}

/// What became of a start, and why; one that is not on record was never delivered.
async fn outcome_of(db: &mut Connection, start: Option<StartId>) -> Result<(Outcome, String)> {
    let known = match start {
        Some(start) => starts::outcome(db, start).await?,
        None => None,
    };
    Ok(known.unwrap_or((Outcome::Failed, String::new())))
}
