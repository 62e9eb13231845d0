//! Clients for the buckets that notifications tell of, one a region.

use std::collections::HashMap;

use aws_sdk_s3::Client;

use crate::aws::{self, Reach};

/// Clients kept: more regions than AWS has are those of somebody who makes them up.
const MOST: usize = 64;

/// Clients by region; a notification says where its bucket lies, which need be neither the queue's region nor that of the settings.
pub(super) struct Buckets {
    /// The region of buckets of which no notification says it; of the settings, if there is none.
    usual: Option<String>,
    clients: HashMap<Option<String>, Client>,
}

impl Buckets {
    pub(super) fn new(usual: Option<&str>) -> Self {
        Self { usual: usual.map(str::to_owned), clients: HashMap::new() }
    }

    /// The client for a region.
    pub(super) async fn of(&mut self, region: Option<&str>) -> Client {
        let region = region.map(str::to_owned).or_else(|| self.usual.clone());
        if let Some(client) = self.clients.get(&region) {
            return client.clone();
        }
        if self.clients.len() >= MOST {
            self.clients.clear();
        }
        let client = aws::s3_at(&Reach { region: region.clone(), ..Reach::default() }).await;
        self.clients.insert(region, client.clone());
        client
    }
}
