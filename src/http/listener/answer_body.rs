//! Wraps the body of a response, to know when hyper has taken all of it.

use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use axum::body::{Body, HttpBody};
use hyper::body::{Frame, SizeHint};

use super::activity::{Activity, Phase};

pub struct AnswerBody {
    body: Body,
    activity: Arc<Activity>,
}

impl AnswerBody {
    /// Enters [`Phase::Answering`], and [`Phase::Answered`] on drop: hyper drops the body once it has taken its end.
    pub fn new(body: Body, activity: Arc<Activity>) -> Self {
        activity.set(Phase::Answering);
        Self { body, activity }
    }
}

impl Drop for AnswerBody {
    fn drop(&mut self) {
        self.activity.set(Phase::Answered);
    }
}

impl HttpBody for AnswerBody {
    type Data = <Body as HttpBody>::Data;
    type Error = <Body as HttpBody>::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Self::Data>, Self::Error>>> {
        Pin::new(&mut self.body).poll_frame(cx)
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}
