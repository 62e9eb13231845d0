//! A list of routes that knows what is in it, and which of it needs no sign-in.

use axum::Router;
use axum::routing::MethodRouter;

use crate::state::AppState;

/// Routes, and their paths as written.
pub(crate) struct Routes {
    /// For those who have signed in.
    closed: Router<AppState>,
    /// For everybody.
    open: Router<AppState>,
    paths: Vec<(String, Audience)>,
}

/// Who may ask for a route.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Audience {
    /// Everybody: it holds nothing of the lake's.
    Everybody,
    /// Whoever has signed in.
    SignedIn,
}

impl Routes {
    pub(crate) fn new() -> Self {
        Self { closed: Router::new(), open: Router::new(), paths: Vec::new() }
    }

    /// Adds a route for those who have signed in.
    pub(crate) fn route(mut self, path: &str, methods: MethodRouter<AppState>) -> Self {
        self.paths.push((path.to_owned(), Audience::SignedIn));
        Self { closed: self.closed.route(path, methods), ..self }
    }

    /// Adds a route for everybody, which must not tell anything about the lake.
    pub(crate) fn open(mut self, path: &str, methods: MethodRouter<AppState>) -> Self {
        self.paths.push((path.to_owned(), Audience::Everybody));
        Self { open: self.open.route(path, methods), ..self }
    }

    /// Adds routes for those who have signed in, of which these are the paths.
    pub(crate) fn merge(mut self, router: Router<AppState>, paths: impl IntoIterator<Item = String>) -> Self {
        self.paths.extend(paths.into_iter().map(|path| (path, Audience::SignedIn)));
        Self { closed: self.closed.merge(router), ..self }
    }

    /// The paths, as written where the routes are added.
    pub(crate) fn paths(self) -> Vec<(String, Audience)> {
        self.paths
    }

    /// One router; whatever is not for everybody, also what does not exist, has passed `admit` first.
    pub(crate) fn into_router(self, admit: impl FnOnce(Router<AppState>) -> Router<AppState>) -> Router<AppState> {
        self.open.merge(admit(self.closed))
    }
}
