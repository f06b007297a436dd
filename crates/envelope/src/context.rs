use crate::KeyId;

/// What a field of a [`Context`] is about. The numbers are part of the format and never change.
///
/// Tag 1, the format, and tag 9, the data key, are not here: this crate puts them in itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
#[repr(u8)]
pub enum Tag {
    /// The installation.
    Installation = 2,
    /// The organization.
    Organization = 3,
    /// The scope of the secret.
    Scope = 4,
    /// The workspace.
    Workspace = 5,
    /// The id of the secret.
    Secret = 6,
    /// The name of the secret as it is stored.
    Name = 7,
    /// The version of the secret.
    Version = 8,
}

const FORMAT: u8 = 1;
const DATA_KEY: u8 = 9;

/// Where a sealed value belongs: it opens only in the context that it was sealed in.
///
/// A list of fields `tag u8 | length u32 | bytes` with ascending tags, so that two different contexts never encode to
/// the same bytes. A context whose fields were given out of order seals and unseals nothing.
#[derive(Debug, Clone)]
pub struct Context {
    encoded: Vec<u8>,
    last: u8,
    well_formed: bool,
}

impl Context {
    /// The context of nowhere in particular.
    pub fn new() -> Self {
        Self { encoded: Vec::new(), last: 0, well_formed: true }.field(FORMAT, crate::sealed::MAGIC)
    }

    /// Adds a field. The tag must be greater than those before; otherwise the whole context is unusable:
    /// sealing answers [`SealError::Context`](crate::SealError::Context), unsealing [`Refused`](crate::Refused).
    #[must_use]
    pub fn with(self, tag: Tag, bytes: &[u8]) -> Self {
        self.field(tag as u8, bytes)
    }

    /// The whole encoding with the data key that the envelope is about; nothing if the fields were out of order.
    pub(crate) fn encode(&self, data_key: &KeyId) -> Option<Vec<u8>> {
        let complete = self.clone().field(DATA_KEY, data_key);
        complete.well_formed.then_some(complete.encoded)
    }

    fn field(mut self, tag: u8, bytes: &[u8]) -> Self {
        match u32::try_from(bytes.len()) {
            Ok(length) if tag > self.last => {
                self.encoded.push(tag);
                self.encoded.extend_from_slice(&length.to_be_bytes());
                self.encoded.extend_from_slice(bytes);
                self.last = tag;
            }
            _ => self.well_formed = false,
        }
        self
    }
}

impl Default for Context {
    fn default() -> Self {
        Self::new()
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use std::collections::BTreeMap;

    use proptest::prelude::*;

    use super::*;

    pub(crate) const TAGS: [Tag; 7] =
        [Tag::Installation, Tag::Organization, Tag::Scope, Tag::Workspace, Tag::Secret, Tag::Name, Tag::Version];

    type Fields = BTreeMap<u8, Vec<u8>>;

    fn fields() -> impl Strategy<Value = Fields> {
        prop::collection::btree_map(2..=8_u8, prop::collection::vec(0..4_u8, 0..6), 0..7)
    }

    fn build<'a>(fields: impl IntoIterator<Item = (&'a u8, &'a Vec<u8>)>) -> Context {
        let tag = |number| TAGS.into_iter().find(|tag| *tag as u8 == number).unwrap();
        fields.into_iter().fold(Context::new(), |context, (number, bytes)| context.with(tag(*number), bytes))
    }

    /// Reads an encoding back, by FORMAT.md alone.
    fn decode(mut encoded: &[u8]) -> Fields {
        let mut fields = Fields::new();
        while let Some((tag, rest)) = encoded.split_first() {
            let (length, rest) = rest.split_at(4);
            let (bytes, rest) = rest.split_at(u32::from_be_bytes(length.try_into().unwrap()) as usize);
            assert!(fields.insert(*tag, bytes.to_vec()).is_none());
            encoded = rest;
        }
        fields
    }

    proptest! {
        #[test]
        fn an_encoding_reads_back_as_exactly_its_fields(fields in fields(), data_key: KeyId) {
            let mut expected = fields.clone();
            expected.insert(1, b"VST1".to_vec());
            expected.insert(9, data_key.to_vec());
            prop_assert_eq!(decode(&build(&fields).encode(&data_key).unwrap()), expected);
        }

        #[test]
        fn different_contexts_never_encode_alike(one in fields(), two in fields()) {
            let alike = build(&one).encode(&[0; 16]) == build(&two).encode(&[0; 16]);
            prop_assert_eq!(alike, one == two);
        }

        #[test]
        fn fields_out_of_order_encode_to_nothing(list in prop::collection::vec((2..=8_u8, any::<[u8; 2]>()), 0..5)) {
            let list: Vec<(u8, Vec<u8>)> = list.into_iter().map(|(tag, bytes)| (tag, bytes.to_vec())).collect();
            let ascends = list.windows(2).all(|pair| pair[0].0 < pair[1].0);
            let context = build(list.iter().map(|(tag, bytes)| (tag, bytes)));
            prop_assert_eq!(context.encode(&[0; 16]).is_some(), ascends);
        }
    }

    #[test]
    fn a_context_out_of_order_stays_unusable() {
        let context = Context::new().with(Tag::Name, b"A").with(Tag::Secret, b"B").with(Tag::Version, b"C");
        assert!(context.encode(&[0; 16]).is_none());
    }
}
