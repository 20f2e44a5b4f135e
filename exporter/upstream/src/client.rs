//! Asks one upstream for its pages: reads who we are, connects where nothing is kept, takes apart what comes.
//!
//! Files are read and answers taken apart on the blocking pool: the runtime has one thread.

use crate::{
    connection::{Failure, Lane, Secure},
    fault::{Fault, Reason},
    page::{Page, Rules},
    target::{Papers, Target},
};
use collect::Filter;
use http::HeaderValue;
use rustls::pki_types::ServerName;
use std::sync::{Arc, Mutex, PoisonError};
use tokio::task::{self, JoinError};
use tokio_rustls::TlsConnector;
use trust::{Certificate, Pem, Trust};

/// One upstream's connection, and what it was made with.
pub(crate) struct Client {
    target: Arc<Target>,
    known: Option<Known>,
    secure: Option<Secure>,
    lane: Option<Lane>,
    filters: Arc<Mutex<Vec<Filter>>>,
}

/// What the files say.
#[derive(Clone, PartialEq, Eq)]
struct Known {
    trust: Trust,
    certificate: Option<Certificate>,
    token: Option<HeaderValue>,
}

/// What an upstream gave: pages that came, and what is wrong with the others.
#[derive(Debug)]
pub(crate) struct Given {
    pub(crate) page: Page,
    pub(crate) fault: Option<Fault>,
}

// === impl Client ===

impl Client {
    pub(crate) fn new(target: Arc<Target>) -> Self {
        let filters = Arc::new(Mutex::new(target.filters()));
        Self { target, known: None, secure: None, lane: None, filters }
    }

    /// Asks for all pages. What is given up on the way leaves no connection behind.
    pub(crate) async fn ask(&mut self) -> Given {
        let mut bodies = Vec::new();
        let mut fault = self.prove().await.err();
        if fault.is_none() {
            for at in 0..self.target.pages.len() {
                match self.page(at).await {
                    Ok(body) => bodies.push((at, body)),
                    Err(other) => {
                        // Where nobody answers there is no use in asking for the next page.
                        let ends = !matches!(other.reason, Reason::Status | Reason::Auth);
                        fault.get_or_insert(other);
                        if ends {
                            break;
                        }
                    }
                }
            }
        }
        let (target, filters) = (Arc::clone(&self.target), Arc::clone(&self.filters));
        let taken = task::spawn_blocking(move || {
            let mut filters = filters.lock().unwrap_or_else(PoisonError::into_inner);
            take(&target, &mut filters, &bodies)
        });
        let (page, odd) = match taken.await {
            Ok(taken) => taken,
            Err(error) => (Page::default(), Some(panicked(&error))),
        };
        Given { page, fault: fault.or(odd) }
    }

    /// The first page as it came.
    pub(crate) async fn body(&mut self) -> Result<Vec<u8>, Fault> {
        self.prove().await?;
        self.page(0).await
    }

    /// Reads who we are. What has changed is another connection.
    async fn prove(&mut self) -> Result<(), Fault> {
        let target = Arc::clone(&self.target);
        let papers = &self.target.papers;
        if !target.place.secure && papers.token.is_none() {
            return Ok(());
        }
        let known = task::spawn_blocking(move || read(&target.papers)).await;
        let known = known.map_err(|error| panicked(&error))??;
        if self.known.as_ref() == Some(&known) {
            return Ok(());
        }
        self.lane = None;
        if self.target.place.secure {
            let host = papers.server_name.as_ref().unwrap_or(&self.target.place.host);
            let name = ServerName::try_from(host.clone()).map_err(|_| {
                let what = format!("expected a host's name or address, found {host:?}");
                Fault::new(Reason::Access, what)
            })?;
            let config = trust::client(&known.trust, known.certificate.as_ref(), &[b"http/1.1"])?;
            self.secure = Some(Secure { connector: TlsConnector::from(Arc::new(config)), name });
        }
        self.known = Some(known);
        Ok(())
    }

    async fn page(&mut self, at: usize) -> Result<Vec<u8>, Fault> {
        let target = Arc::clone(&self.target);
        let path = target.pages.get(at).map_or("", |page| &page.path);
        let token = self.known.as_ref().and_then(|known| known.token.clone());
        let mut kept = self.lane.take().filter(Lane::is_open);
        loop {
            let was_kept = kept.is_some();
            let mut lane = match kept.take() {
                Some(lane) => lane,
                None => Lane::open(&target.place, self.secure.as_ref())
                    .await
                    .map_err(|fault| self.advise(fault))?,
            };
            match lane.get(&target.place, path, token.as_ref(), target.limits.bytes).await {
                Ok(answer) => {
                    self.lane = Some(lane);
                    return Ok(answer.body);
                }
                // It was closed while nobody asked; the next one is new.
                Err(Failure::Unheard(_)) if was_kept => {}
                Err(Failure::Unheard(fault) | Failure::Heard(fault)) => {
                    return Err(self.advise(fault));
                }
            }
        }
    }

    /// Adds the way out to a fault, where the target knows one.
    fn advise(&self, mut fault: Fault) -> Fault {
        if fault.reason == Reason::Tls {
            fault.detail.push_str(self.target.papers.hint);
        }
        fault
    }
}

fn take(
    target: &Target,
    filters: &mut [Filter],
    bodies: &[(usize, Vec<u8>)],
) -> (Page, Option<Fault>) {
    let (mut page, mut fault) = (Page::default(), None);
    for (at, body) in bodies {
        let (Some(wanted), Some(filter)) = (target.pages.get(*at), filters.get_mut(*at)) else {
            continue;
        };
        let rules = Rules {
            path: &wanted.path,
            labels: &target.labels,
            max_samples: target.limits.samples,
        };
        match page.take(body, filter, &rules) {
            Ok(()) => page.heard |= *at == 0,
            Err(other) => {
                fault.get_or_insert(other);
            }
        }
    }
    (page, fault)
}

fn read(papers: &Papers) -> Result<Known, Fault> {
    let ca = papers.ca.as_deref().map(Pem::read).transpose()?;
    // It may not be there, and not everybody may read it.
    let own = papers.own.as_deref().and_then(|path| Pem::read(path).ok());
    let trust = match (papers.anybody, own, ca) {
        (true, _, _) => Trust::Anybody,
        (false, Some(certificate), authorities) => Trust::Same { certificate, authorities },
        (false, None, Some(authorities)) => Trust::These(authorities),
        (false, None, None) => match &papers.own {
            Some(path) => {
                let path = path.display();
                let what = format!("no authority, and no certificate at {path}{}", papers.hint);
                return Err(Fault::new(Reason::Access, what));
            }
            None => Trust::Machine,
        },
    };
    let certificate = match &papers.certificate {
        Some((chain, key)) => Some(Certificate { chain: Pem::read(chain)?, key: Pem::read(key)? }),
        None => None,
    };
    let token = papers.token.as_deref().map(trust::bearer).transpose()?;
    Ok(Known { trust, certificate, token: token.map(|(_, value)| value) })
}

fn panicked(error: &JoinError) -> Fault {
    Fault::new(Reason::Syntax, format!("panicked; please report it: {error}"))
}
