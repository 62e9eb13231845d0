//! A list of routes that knows what is in it, and which of it needs no sign-in.

use axum::Router;
use axum::middleware::from_fn;
use axum::routing::MethodRouter;

use crate::access::introduce;
use crate::state::AppState;

/// Routes, and their paths as written.
pub(crate) struct Routes {
    /// For those who have signed in, as far as there is a place for them: what asks the lake.
    answers: Router<AppState>,
    /// For those who have signed in.
    closed: Router<AppState>,
    /// For everybody.
    open: Router<AppState>,
    /// For senders that prove themselves with each request.
    deliveries: Router<AppState>,
    paths: Vec<(String, Audience)>,
}

/// Who may ask for a route.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Audience {
    /// Everybody: it holds nothing of the lake's.
    Everybody,
    /// Whoever has signed in.
    SignedIn,
    /// A service of AWS's that proves itself with each request.
    Sender,
}

impl Routes {
    pub(crate) fn new() -> Self {
        Self {
            answers: Router::new(),
            closed: Router::new(),
            open: Router::new(),
            deliveries: Router::new(),
            paths: Vec::new(),
        }
    }

    /// Adds a route that asks the lake, for those who have signed in.
    pub(crate) fn route(mut self, path: &str, methods: MethodRouter<AppState>) -> Self {
        self.paths.push((path.to_owned(), Audience::SignedIn));
        Self { answers: self.answers.route(path, methods), ..self }
    }

    /// Adds a route that asks the lake nothing, for those who have signed in.
    pub(crate) fn closed(mut self, path: &str, methods: MethodRouter<AppState>) -> Self {
        self.paths.push((path.to_owned(), Audience::SignedIn));
        Self { closed: self.closed.route(path, methods), ..self }
    }

    /// Adds a route for everybody, which must not tell anything about the lake.
    pub(crate) fn open(mut self, path: &str, methods: MethodRouter<AppState>) -> Self {
        self.paths.push((path.to_owned(), Audience::Everybody));
        Self { open: self.open.route(path, methods), ..self }
    }

    /// Adds routes that ask the lake, for those who have signed in, of which these are the paths.
    pub(crate) fn merge(mut self, router: Router<AppState>, paths: impl IntoIterator<Item = String>) -> Self {
        self.paths.extend(paths.into_iter().map(|path| (path, Audience::SignedIn)));
        Self { answers: self.answers.merge(router), ..self }
    }

    /// Adds routes whose senders prove themselves, of which these are the paths.
    pub(crate) fn deliveries<const N: usize>(mut self, router: Router<AppState>, paths: [&str; N]) -> Self {
        self.paths.extend(paths.map(|path| (path.to_owned(), Audience::Sender)));
        Self { deliveries: self.deliveries.merge(router), ..self }
    }

    /// The paths, as written where the routes are added.
    pub(crate) fn paths(self) -> Vec<(String, Audience)> {
        self.paths
    }

    /// A router for people and their programs, and one for senders. In the first, whatever is not for everybody, also what does not
    /// exist, has passed `admit` first, and what asks the lake then has got a `place`.
    pub(crate) fn into_routers(
        self,
        place: impl FnOnce(Router<AppState>) -> Router<AppState>,
        admit: impl FnOnce(Router<AppState>) -> Router<AppState>,
    ) -> (Router<AppState>, Router<AppState>) {
        let (answers, closed) = (self.answers.layer(from_fn(introduce)), self.closed.layer(from_fn(introduce)));
        (self.open.merge(admit(place(answers).merge(closed))), self.deliveries)
    }
}
