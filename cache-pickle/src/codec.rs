//! [`Pickle`]: the codec of a cache that is shared with Django.

use cache_core::{Codec, CodecError, CodecId, Visit};

use crate::limits::Limits;
use crate::read::Document;

/// Python's pickle: what Django's caches hold. Reads the protocols 0 to 5, writes 4.
///
/// Types that have a form for people (a UUID, an IP address) are text, as in JSON.
///
/// ```
/// use cache_core::{Codec, CodecId};
/// use cache_pickle::Pickle;
///
/// let bytes = Pickle::default().encode(&("a", 1))?;
/// assert!(bytes.starts_with(b"\x80\x04"));
/// assert_eq!(Pickle::default().id(), CodecId(3));
/// # Ok::<(), cache_core::CodecError>(())
/// ```
#[derive(Clone, Copy, Debug, Default)]
pub struct Pickle {
    /// What one value may cost on reading.
    pub limits: Limits,
}

impl Codec for Pickle {
    fn id(&self) -> CodecId {
        CodecId(3)
    }

    fn name(&self) -> &'static str {
        "pickle"
    }

    fn is_human_readable(&self) -> bool {
        true
    }

    fn encode(&self, value: &dyn erased_serde::Serialize) -> Result<Vec<u8>, CodecError> {
        Ok(crate::to_vec(value)?)
    }

    fn decode(&self, bytes: &[u8], visit: &mut Visit<'_>) -> Result<(), CodecError> {
        let document = Document::read(bytes, &self.limits)?;
        visit(&mut <dyn erased_serde::Deserializer<'_>>::erase(crate::de::De::new(&document)))?;
        Ok(())
    }
}
