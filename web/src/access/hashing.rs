//! Passwords are compared on few threads, so that whoever tries many leaves the pages the rest of the machine.

use std::sync::Arc;

use tokio::sync::Semaphore;

use super::password::PasswordHash;
use super::users::{User, Users};

/// Hashes computed at once: each takes 19 MiB and a processor.
const AT_ONCE: usize = 2;

/// Attempts that wait for those; more are turned away.
const WAITING: usize = 16;

/// Too many try to sign in right now.
pub(super) struct Busy;

/// Compares passwords.
pub(super) struct Hashing {
    nobody: Option<PasswordHash>,
    running: Arc<Semaphore>,
    waiting: Semaphore,
}

impl Hashing {
    pub(super) fn new() -> Self {
        let running = Arc::new(Semaphore::new(AT_ONCE));
        Self { nobody: PasswordHash::nobodys(), running, waiting: Semaphore::new(AT_ONCE + WAITING) }
    }

    /// The user of that name and password. Finding nobody takes as long as finding that the password is wrong.
    pub(super) async fn find(&self, users: &Users, name: &str, password: String) -> Result<Option<User>, Busy> {
        let _place = self.waiting.try_acquire().map_err(|_| Busy)?;
        let user = users.find(name).cloned();
        let hash = user.as_ref().map(|user| &user.password).or(self.nobody.as_ref()).cloned();
        let permit = Arc::clone(&self.running).acquire_owned().await.map_err(|_| Busy)?;
        // The permit stays with the work, which goes on when whoever asked has gone.
        let compared = tokio::task::spawn_blocking(move || {
            let fits = hash.is_some_and(|hash| hash.fits(&password));
            drop(permit);
            fits
        });
        let fits = compared.await.unwrap_or(false);
        Ok(user.filter(|_| fits))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::access::rights::Rights;

    #[tokio::test]
    async fn the_right_password_finds_its_user() {
        let password = PasswordHash::of("correct horse").unwrap();
        let users = Users::new(vec![User { name: "jane".to_owned(), rights: Rights::ALL, password: password.clone() }]);
        let hashing = Hashing::new();
        let find = async |name: &str, password: &str| {
            let found = hashing.find(&users, name, password.to_owned()).await;
            found.ok().flatten().map(|user| user.name)
        };
        assert_eq!(find("jane", "correct horse").await.as_deref(), Some("jane"));
        for (name, password) in
            [("jane", "wrong horse"), ("jane", ""), ("john", "correct horse"), ("jane", &password.to_string())]
        {
            assert_eq!(find(name, password).await, None, "{name}, {password}");
        }
    }

    #[tokio::test]
    async fn who_comes_too_many_is_turned_away() {
        let (users, hashing) = (Users::default(), Hashing::new());
        let held = hashing.running.try_acquire_many(u32::try_from(AT_ONCE).unwrap()).unwrap();
        let attempts: Vec<_> = (0..AT_ONCE + WAITING + 3).map(|_| hashing.find(&users, "a", "b".to_owned())).collect();
        let release = async {
            tokio::task::yield_now().await;
            drop(held);
        };
        let (answers, ()) = tokio::join!(futures::future::join_all(attempts), release);
        assert_eq!(answers.iter().filter(|answer| answer.is_err()).count(), 3);
    }
}
