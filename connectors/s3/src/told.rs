//! Tells the log of each attempt that failed: a client that tries again in silence looks as if it hung.

use aws_sdk_s3::config::interceptors::FinalizerInterceptorContextRef;
use aws_sdk_s3::config::{ConfigBag, Intercept, RuntimeComponents};
use aws_sdk_s3::error::BoxError;

/// Sees each attempt end.
#[derive(Debug)]
pub(crate) struct Told;

impl Intercept for Told {
    fn name(&self) -> &'static str {
        "told"
    }

    fn read_after_attempt(
        &self,
        context: &FinalizerInterceptorContextRef<'_>,
        _: &RuntimeComponents,
        _: &mut ConfigBag,
    ) -> Result<(), BoxError> {
        let failed = matches!(context.output_or_error(), Some(Err(_)));
        // An answer below 500 is the caller's to tell of; most are expected, such as that an object is there already.
        let status = context.response().map(|response| response.status().as_u16());
        if failed && status.is_none_or(|status| status >= 500 || status == 429) {
            let why = status.map_or_else(|| "no answer".to_owned(), |status| format!("status {status}"));
            tracing::warn!(why, "an attempt at the object store failed");
        }
        Ok(())
    }
}
