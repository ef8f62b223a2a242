//! Visitors, each a thread.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use super::connection::{Connection, Response, Trust, trust};
use super::habit::Habit;
use super::seen::{Counts, Mishap, Seen};
use crate::servers::{CACHE_HEADER, ask};
use crate::site::{RELEASE_HEADER, WORDS};

/// What visitors do.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Visit {
    /// The host names of the sites. Each has visitors of its own.
    pub sites: Vec<String>,
    /// Their habits, one visitor for each.
    pub habits: Vec<Habit>,
    /// The address of their resolver.
    pub resolver: String,
    /// The certificate of the authority that they trust, in PEM.
    pub authority: String,
    /// The number of the old release, as the site says it, and that of the new one.
    pub releases: [String; 2],
    /// How long each waits before he asks for the next page.
    pub pause: Duration,
}

/// Visitors who are there. They leave with this.
pub struct Visitors {
    shared: Arc<Shared>,
    threads: Vec<JoinHandle<()>>,
}

struct Shared {
    visit: Visit,
    trust: Trust,
    begin: Instant,
    seen: Mutex<Seen>,
    leave: AtomicBool,
}

impl Visitors {
    /// They come.
    ///
    /// # Panics
    /// When the authority's certificate is not one.
    #[must_use]
    pub fn come(visit: &Visit) -> Self {
        let shared = Arc::new(Shared {
            trust: trust(&visit.authority),
            visit: visit.clone(),
            begin: Instant::now(),
            seen: Mutex::default(),
            leave: AtomicBool::new(false),
        });
        let visitors = visit.sites.iter().flat_map(|site| visit.habits.iter().map(move |habit| (site, *habit)));
        let start = |(site, habit): (&String, Habit)| {
            let (shared, site) = (Arc::clone(&shared), site.clone());
            std::thread::spawn(move || Visitor { shared, site, habit, kept: None, open: None }.stay())
        };
        Self { threads: visitors.map(start).collect(), shared }
    }

    /// What they have seen so far.
    #[must_use]
    pub fn seen(&self) -> Seen {
        self.shared.seen.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// They leave. Returns what they have seen.
    #[must_use]
    pub fn leave(mut self) -> Seen {
        self.end();
        self.seen()
    }

    fn end(&mut self) {
        self.shared.leave.store(true, Ordering::SeqCst);
        for thread in self.threads.drain(..) {
            let _ = thread.join();
        }
    }
}

impl Drop for Visitors {
    fn drop(&mut self) {
        self.end();
    }
}

struct Visitor {
    shared: Arc<Shared>,
    site: String,
    habit: Habit,
    /// An address, and until when it is kept.
    kept: Option<(String, Instant)>,
    open: Option<Connection>,
}

impl Visitor {
    fn stay(mut self) {
        while !self.shared.leave.load(Ordering::SeqCst) {
            let looked = self.look();
            self.count(looked);
            std::thread::sleep(self.shared.visit.pause);
        }
    }

    /// One page. The address is named if that fails.
    fn look(&mut self) -> Result<Response, String> {
        let mut connection = match self.open.take() {
            Some(open) => open,
            None => self.connect()?,
        };
        let at = |why: String, visitor: &Self| match &visitor.kept {
            Some((address, _)) => format!("{why}, at {address}"),
            None => why,
        };
        let (response, stays) = connection.get(&self.site, "/").map_err(|why| at(why, self))?;
        self.open = (stays && self.habit == Habit::KeepsConnection).then_some(connection);
        Ok(response)
    }

    fn connect(&mut self) -> Result<Connection, String> {
        let address = self.address()?;
        Connection::open(&self.shared.trust, &self.site, &address).map_err(|why| format!("{why}, at {address}"))
    }

    fn address(&mut self) -> Result<String, String> {
        if let Some((address, until)) = &self.kept
            && Instant::now() < *until
        {
            return Ok(address.clone());
        }
        let answers = ask(&self.shared.visit.resolver, &self.site, "A", true)?;
        // The whole chain is resolved anew when any of its records has to be.
        let ttl = answers.iter().map(|answer| answer.ttl).min().unwrap_or(0);
        let address = answers.into_iter().find(|answer| answer.kind == "A").map(|answer| answer.value);
        let address = address.ok_or_else(|| format!("{} has no address", self.site))?;
        let keep = match self.habit {
            Habit::KeepsAddress(length) => length,
            _ => Duration::from_secs(ttl.into()),
        };
        self.kept = Some((address.clone(), Instant::now() + keep));
        Ok(address)
    }

    fn count(&self, looked: Result<Response, String>) {
        let sight = looked.and_then(|response| self.judge(&response));
        let mut seen = self.shared.seen.lock().unwrap_or_else(PoisonError::into_inner);
        let counts = seen.counts.entry(self.habit).or_default();
        *counts = *counts + sight.as_ref().copied().unwrap_or(Counts { error: 1, ..Counts::default() });
        if let Err(what) = sight {
            let after = self.shared.begin.elapsed();
            seen.mishaps.push(Mishap { after, habit: self.habit, site: self.site.clone(), what });
        }
    }

    /// What an answer is. Everything but the site and the maintenance page is an error.
    fn judge(&self, response: &Response) -> Result<Counts, String> {
        let none = Counts::default();
        let (header, from_the_edge) = CACHE_HEADER;
        let [old, new] = &self.shared.visit.releases;
        match response.header(RELEASE_HEADER) {
            _ if response.status != 200 => {}
            None if response.header(header) == Some(from_the_edge) => return Ok(Counts { page: 1, ..none }),
            Some(release) if release == old && response.body.contains(WORDS) => return Ok(Counts { old: 1, ..none }),
            Some(release) if release == new && response.body.contains(WORDS) => return Ok(Counts { new: 1, ..none }),
            _ => {}
        }
        let address = self.kept.as_ref().map_or("?", |(address, _)| address);
        let text: String = response.body.chars().take(200).collect();
        Err(format!("status {} from {address}: {}", response.status, text.replace('\n', " ")))
    }
}
