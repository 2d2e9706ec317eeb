//! The twin without the feature `tokio-console`: serves nothing.

use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;

use http::{Request, Response};
use hyper::body::Incoming;
use tonic::Status;
use tonic::body::Body;

use crate::sampler::Sampler;

/// Nothing.
pub(crate) struct Compat;

impl Compat {
    pub(crate) fn new(_: Arc<Sampler>, _: Duration) -> Compat {
        Compat
    }

    pub(crate) async fn run(&self) {}

    pub(crate) fn finish(&self) {}

    pub(crate) fn serves(&self, _: Option<&str>) -> bool {
        false
    }

    pub(crate) async fn call(&self, _: Request<Incoming>) -> Result<Response<Body>, Infallible> {
        Ok(Status::unimplemented("built without tokio-console").into_http())
    }
}
