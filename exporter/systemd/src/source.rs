//! The task that keeps the cache true: it connects, subscribes, reads every unit once, then follows
//! signals; a scrape has it compare the cache with one `ListUnits` and read what no signal tells.
//!
//! A pass begins with `ListUnits` and ends when nothing is left to read. Units that are new, or whose
//! state is another than the cache has, are read in the pass; all units are after a reload of systemd
//! and every ten minutes. Losing the connection, or systemd on it, forgets everything.

use crate::{
    bus::{Client, Event, Lost, call, label, name_of},
    cache::{Cache, Own, STATES, Status, Totals, Unit, as_str, state},
    facts::Facts,
    filter::Filter,
    listing::{Row, Rows},
    options, private,
    property::{Kind, Property, Set},
    resolved,
    system::Manager,
};
use collect::{
    Call, Context, Error, Health, Line, Options, Result, Source, SourceSpec, Ticket, fold,
};
use model::{Model, Role};
use std::{
    collections::{HashMap, VecDeque},
    future::Future,
    path::{Path, PathBuf},
    pin::Pin,
    sync::Arc,
    time::Duration,
};
use tokio::time::{self, Instant};
use zbus::{Message, Variant, message::Header};

/// The source's entry in the registry.
pub static SOURCE: SourceSpec = SourceSpec {
    name: "systemd",
    build: |cx| Ok(Some(Box::new(Systemd::new(cx)?))),
    holds_readiness: false,
};

const SYSTEMD: &str = "org.freedesktop.systemd1";
const MANAGER: &str = "org.freedesktop.systemd1.Manager";
const OBJECT: &str = "/org/freedesktop/systemd1";
const UNITS: &str = "/org/freedesktop/systemd1/unit/";
const BUS: &str = "org.freedesktop.DBus";
const PROPERTIES: &str = "org.freedesktop.DBus.Properties";

/// The first pause after a lost connection; it doubles up to the longest.
const PAUSE: Duration = Duration::from_millis(100);
const LONGEST_PAUSE: Duration = Duration::from_secs(2);
/// How often everything is read again, in case that something was never told.
const RESYNC: Duration = Duration::from_mins(10);

/// What the bus is asked to pass on.
const RULES: [&str; 3] = [
    "type='signal',sender='org.freedesktop.systemd1',interface='org.freedesktop.DBus.Properties',\
     member='PropertiesChanged',path_namespace='/org/freedesktop/systemd1/unit'",
    "type='signal',sender='org.freedesktop.systemd1',\
     interface='org.freedesktop.systemd1.Manager',member='Reloading'",
    "type='signal',sender='org.freedesktop.DBus',interface='org.freedesktop.DBus',\
     member='NameOwnerChanged',arg0='org.freedesktop.systemd1'",
];

pub(crate) struct Systemd {
    cache: Arc<Cache>,
    model: Arc<Model>,
    settings: Settings,
}

#[expect(clippy::struct_excessive_bools, reason = "each is a flag of the command line")]
struct Settings {
    addresses: String,
    /// Whether the manager is a user's.
    user: bool,
    /// systemd's private socket, where it is asked over that.
    private: Option<PathBuf>,
    served: Option<Filter>,
    served_by_node: Option<Filter>,
    fold: bool,
    /// Whether there must be systemd.
    required: bool,
    max_units: usize,
    ip: bool,
    resolved: bool,
}

/// A connection and what is under way on it.
struct Session<'a> {
    client: Client<Asked>,
    cache: &'a Cache,
    settings: &'a Settings,
    line: &'a Line,
    facts: Facts,
    /// systemd's unique name, by which its signals are known from forged ones.
    owner: Option<String>,
    calls: VecDeque<Asked>,
    reads: VecDeque<(Arc<str>, Set)>,
    stage: Stage,
    pass: u32,
    /// The scrape that the pass under way answers, and the one that the next will.
    serving: Option<Ticket>,
    asked: Option<Ticket>,
    /// Whether the next pass reads every unit.
    whole: bool,
    resync: Instant,
    /// A call that was refused: each pass asks it again, and its answer has everything read anew.
    refused: Option<Asked>,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Stage {
    /// systemd has not been found on the bus yet.
    Greeting,
    /// A pass is under way.
    Pass,
    /// The cache follows signals.
    Following,
}

/// A call that waits for its answer.
#[derive(Clone, PartialEq, Eq)]
enum Asked {
    Match(&'static str),
    Owner,
    Subscribe,
    Manager,
    ManagerProperty(&'static str),
    Resolved(&'static str),
    List,
    Property(Arc<str>, Property),
}

// === impl Systemd ===

impl Systemd {
    fn new(cx: &Context) -> Result<Self> {
        let settings = Settings::new(&cx.options, cx.rootfs.as_path())?;
        // The model's units are the machine's: a user's own are named as some of them are.
        let model = if settings.user { Arc::default() } else { cx.shared.get() };
        Ok(Self { cache: cx.shared.get(), model, settings })
    }

    /// Until the connection is lost; `None` where the process ends.
    async fn follow(&self, line: &Line) -> Option<Lost> {
        let connect = self.settings.connect();
        tokio::pin!(connect);
        let mut asked = None;
        let connected = loop {
            tokio::select! {
                connected = &mut connect => break connected,
                call = line.next() => match call {
                    Call::Refresh(ticket) => asked = Some(ticket),
                    Call::Stop => return None,
                }
            }
        };
        let (lost, open) = match connected {
            Ok(client) => {
                self.cache.lock().connections += 1;
                let mut session =
                    Session::new(client, &self.cache, &self.model, &self.settings, line);
                session.asked = asked;
                let lost = session.run().await.err();
                (lost, session.serving.max(session.asked))
            }
            Err(lost) => (Some(lost), asked),
        };
        if let Some(lost) = &lost {
            self.lost(line, lost);
        }
        if let Some(ticket) = open {
            line.answer(ticket);
        }
        lost
    }

    /// Says why there is nothing, once.
    fn lost(&self, line: &Line, lost: &Lost) {
        let reason = lost.to_string();
        let mut state = self.cache.lock();
        // What must be there, or was, is not lacking: it is lost.
        let lacks = !self.settings.required && !state.met;
        let health = if matches!(lost, Lost::Absent(_)) && lacks {
            state.reset(Status::Absent(reason.clone()));
            Health::absent(reason.clone())
        } else {
            state.reset(Status::Down(reason.clone()));
            Health::down(reason.clone())
        };
        drop(state);
        self.model.units_mut().reset([]);
        let absent = health.absent;
        if line.health(health.clone()) == health {
            return;
        }
        if absent {
            tracing::debug!(source = "systemd", reason, "no such source here");
        } else {
            tracing::warn!(source = "systemd", reason, "source lost");
        }
    }
}

impl Source for Systemd {
    fn run(self: Box<Self>, line: Line) -> Pin<Box<dyn Future<Output = ()> + Send>> {
        Box::pin(async move {
            let mut pause = PAUSE;
            let mut met = false;
            loop {
                let begun = Instant::now();
                let connections = self.cache.lock().connections;
                if self.follow(&line).await.is_none() {
                    return;
                }
                // A bus that has just come has systemd on it in a moment.
                let meets = self.cache.lock().connections > connections;
                if begun.elapsed() > LONGEST_PAUSE || (meets && !met) {
                    pause = PAUSE;
                }
                met = meets;
                let until = Instant::now() + pause;
                loop {
                    tokio::select! {
                        () = time::sleep_until(until) => break,
                        call = line.next() => match call {
                            Call::Refresh(ticket) => line.answer(ticket),
                            Call::Stop => return,
                        }
                    }
                }
                pause = (pause * 2).min(LONGEST_PAUSE);
            }
        })
    }
}

// === impl Settings ===

impl Settings {
    fn new(given: &Options, rootfs: &Path) -> Result<Self> {
        let user = given.switch(&options::USER);
        let addresses = match given.text(&options::BUS_ADDRESS) {
            _ if user => given.text(&options::USER_BUS_ADDRESS).to_owned(),
            "" => format!("unix:path={}", rootfs.join("run/dbus/system_bus_socket").display()),
            text => text.to_owned(),
        };
        let filter = |wanted: bool, include, exclude| {
            wanted.then(|| Filter::new(given, include, exclude)).transpose()
        };
        let max = given.text(&options::MAX_UNITS);
        let max_units = max.parse().map_err(|_| Error::Option {
            option: options::MAX_UNITS.name.to_owned(),
            what: format!("expected a number of units, found {max:?}"),
        })?;
        let served = given.text(&options::MODE) != "off";
        let by_node = given.switch(&options::NODE);
        let resolved = served && given.switch(&options::RESOLVED);
        let private = given.switch(&options::PRIVATE) || given.switch(&options::NODE_PRIVATE);
        if user && (by_node || private) {
            return Err(Error::Option {
                option: options::USER.name.to_owned(),
                what: "serves a user's manager, and --collector.systemd and \
                       --systemd.collector.private the system's; give each an exporter of its own"
                    .to_owned(),
            });
        }
        Ok(Self {
            addresses,
            user,
            // resolved is on the bus alone.
            private: (private && !resolved).then(|| rootfs.join("run/systemd/private")),
            served: filter(served, &options::INCLUDE, &options::EXCLUDE)?,
            served_by_node: filter(by_node, &options::NODE_INCLUDE, &options::NODE_EXCLUDE)?,
            fold: given.switch(&options::FOLD),
            required: given.text(&options::MODE) == "on" || by_node,
            max_units,
            ip: served && given.switch(&options::IP),
            resolved,
        })
    }

    async fn connect(&self) -> Result<Client<Asked>, Lost> {
        match &self.private {
            Some(path) => Ok(Client::new(private::connect(path).await?)),
            None => Client::connect(&self.addresses).await,
        }
    }

    /// Which of the two name sets serve a unit.
    fn verdict(&self, name: &str) -> (bool, bool) {
        let keeps = |filter: &Option<Filter>| filter.as_ref().is_some_and(|f| f.keeps(name));
        (keeps(&self.served), keeps(&self.served_by_node))
    }

    /// Whether what a service sends and gets is read; of what does not run it stands still.
    fn counts_ip(&self, served: bool, state: usize) -> bool {
        self.ip && served && runs(state)
    }

    /// What is read of a unit that is seen for the first time, or anew.
    fn everything(&self, kind: Kind, served: bool, state: usize) -> Set {
        let set = everything(kind, state);
        let ip = kind == Kind::Service && self.counts_ip(served, state);
        if ip { set.with(Set::IP) } else { set }
    }
}

// === impl Session ===

impl<'a> Session<'a> {
    fn new(
        client: Client<Asked>,
        cache: &'a Cache,
        model: &Arc<Model>,
        settings: &'a Settings,
        line: &'a Line,
    ) -> Self {
        let mut session = Self {
            client,
            cache,
            settings,
            line,
            facts: Facts::new(model),
            owner: None,
            calls: VecDeque::new(),
            reads: VecDeque::new(),
            stage: Stage::Greeting,
            pass: 0,
            serving: None,
            asked: None,
            whole: true,
            resync: Instant::now() + RESYNC,
            refused: None,
        };
        if settings.private.is_some() {
            // Nobody else is there, and all is passed on unasked.
            session.owner = Some(private::OWNER.to_owned());
            session.calls.push_back(Asked::Manager);
            session.begin();
        } else {
            session.calls.extend(RULES.map(Asked::Match));
            session.calls.push_back(Asked::Owner);
        }
        session
    }

    /// Until the connection is lost, or the process ends.
    async fn run(&mut self) -> Result<(), Lost> {
        loop {
            self.send().await?;
            if self.client.is_idle() {
                self.tell();
            }
            if self.stage == Stage::Pass && self.client.is_idle() {
                self.settled();
                continue;
            }
            tokio::select! {
                event = self.client.next() => self.handle(event?)?,
                call = self.line.next() => match call {
                    Call::Refresh(ticket) => {
                        self.asked = Some(ticket);
                        if self.stage == Stage::Following {
                            self.begin();
                        }
                    }
                    Call::Stop => return Ok(()),
                },
                () = time::sleep_until(self.resync), if self.stage == Stage::Following => {
                    self.resync = Instant::now() + RESYNC;
                    self.read_anew();
                    self.begin();
                }
            }
        }
    }

    /// Fills the window.
    async fn send(&mut self) -> Result<(), Lost> {
        let mut batch = Vec::new();
        while batch.len() < self.client.room() {
            let asked = match self.calls.pop_front() {
                Some(asked) => asked,
                None => match self.next_read() {
                    Some(asked) => asked,
                    None => break,
                },
            };
            batch.push((asked.message()?, asked));
        }
        if batch.is_empty() { Ok(()) } else { self.client.send(batch).await }
    }

    /// Tells the model what was read.
    fn tell(&mut self) {
        if !self.facts.is_told() {
            let units = self.facts.take(&self.cache.lock());
            self.facts.tell(units);
        }
    }

    fn next_read(&mut self) -> Option<Asked> {
        loop {
            let (name, set) = self.reads.front_mut()?;
            if let Some(property) = set.take() {
                return Some(Asked::Property(Arc::clone(name), property));
            }
            let (name, _) = self.reads.pop_front()?;
            self.facts.note(name);
        }
    }

    /// Begins a pass.
    fn begin(&mut self) {
        self.stage = Stage::Pass;
        self.pass = self.pass.wrapping_add(1);
        self.serving = self.asked.take();
        self.calls.push_back(Asked::List);
        self.calls.extend(self.refused.clone());
        if self.settings.resolved {
            self.calls.extend(resolved::PROPERTIES.map(Asked::Resolved));
        }
        let state = self.cache.lock();
        self.calls.extend(state.manager.refreshed().map(Asked::ManagerProperty));
        if self.whole {
            return;
        }
        for (name, unit) in &state.units {
            match &unit.own {
                Own::Socket(socket) if socket.accept != Some(false) => {
                    self.reads.push_back((Arc::clone(name), Set::SOCKET_COUNTERS));
                }
                Own::Service(_) if self.settings.counts_ip(unit.served, unit.state) => {
                    self.reads.push_back((Arc::clone(name), Set::IP));
                }
                _ => {}
            }
        }
    }

    /// A pass is over: the cache is true as of its beginning.
    fn settled(&mut self) {
        self.stage = Stage::Following;
        let mut state = self.cache.lock();
        state.status = Status::Up;
        state.met = true;
        drop(state);
        if !self.line.health(Health::up()).up {
            let units = self.cache.lock().units.len();
            tracing::info!(source = "systemd", units, "source connected");
        }
        if let Some(ticket) = self.serving.take() {
            self.line.answer(ticket);
        }
        if self.asked.is_some() || self.whole {
            self.begin();
        }
    }

    fn handle(&mut self, event: Event<Asked>) -> Result<(), Lost> {
        match event {
            Event::Reply(asked, message) => self.reply(asked, &message),
            Event::Error(asked, name) => self.error(asked, &name),
            Event::Signal(message) => self.signal(&message),
        }
    }

    fn reply(&mut self, asked: Asked, message: &Message) -> Result<(), Lost> {
        let body = message.body();
        self.granted(&asked);
        match asked {
            Asked::Match(_) | Asked::Subscribe => {}
            Asked::Owner => {
                let owner: &str = body.deserialize()?;
                self.owner = (!owner.is_empty()).then(|| owner.to_owned());
                self.calls.extend([Asked::Subscribe, Asked::Manager]);
                self.begin();
            }
            Asked::Manager => {
                let properties: HashMap<&str, Variant<'_>> = body.deserialize()?;
                self.cache.lock().manager = Manager::new(&properties);
            }
            Asked::ManagerProperty(name) => {
                let value: Variant<'_> = body.deserialize()?;
                self.cache.lock().manager.set(name, Some(&value));
            }
            Asked::Resolved(name) => {
                let value: Variant<'_> = body.deserialize()?;
                self.cache.lock().resolved.set(name, Some(&value));
            }
            Asked::List => {
                self.list(Rows::new(message, body.data().bytes())?)?;
            }
            Asked::Property(name, property) => {
                let value: Variant<'_> = body.deserialize()?;
                let mut state = self.cache.lock();
                if let Some(unit) = state.units.get_mut(&name) {
                    unit.set(property, Some(&value));
                }
            }
        }
        self.cache.lock().heard = Some(Instant::now());
        Ok(())
    }

    /// Where this call was refused before: so may others have been.
    fn granted(&mut self, asked: &Asked) {
        if self.refused.as_ref() == Some(asked) {
            self.refused = None;
            self.read_anew();
        }
    }

    /// Has the manager read anew, and every unit by the next `ListUnits` that is answered.
    fn read_anew(&mut self) {
        self.whole = true;
        self.calls.push_back(Asked::Manager);
    }

    fn error(&mut self, asked: Asked, error: &str) -> Result<(), Lost> {
        match asked {
            Asked::Subscribe if error.ends_with(".AlreadySubscribed") => Ok(()),
            Asked::Owner if error.ends_with(".NameHasNoOwner") => {
                Err(Lost::Absent("the bus: systemd is not on it".to_owned()))
            }
            Asked::Match(_) | Asked::Owner | Asked::Subscribe | Asked::List => {
                Err(Lost::Other(format!("{}: {error}", asked.member())))
            }
            Asked::Manager => {
                let mut state = self.cache.lock();
                state.manager = Manager::default();
                state.call_errors += 1;
                self.refused = Some(asked);
                Ok(())
            }
            Asked::ManagerProperty(name) => {
                let mut state = self.cache.lock();
                state.manager.set(name, None);
                state.call_errors += 1;
                Ok(())
            }
            // resolved may not run.
            Asked::Resolved(name) => {
                self.cache.lock().resolved.set(name, None);
                Ok(())
            }
            Asked::Property(name, property) => {
                let mut state = self.cache.lock();
                // A unit may have gone, and an older systemd may not have the property.
                let gone = ["UnknownObject", "NoSuchUnit", "UnknownProperty", "UnknownInterface"];
                let refused = !gone.iter().any(|gone| error.ends_with(gone));
                if let Some(unit) = state.units.get_mut(&name) {
                    unit.set(property, None);
                }
                state.call_errors += u64::from(refused);
                drop(state);
                let asked = Asked::Property(name, property);
                if refused {
                    self.refused = Some(asked);
                } else {
                    self.granted(&asked);
                }
                Ok(())
            }
        }
    }

    /// Compares the cache with what systemd has loaded.
    fn list(&mut self, rows: Rows<'_>) -> Result<(), Lost> {
        let whole = std::mem::take(&mut self.whole);
        let mut totals = Totals::default();
        let mut guard = self.cache.lock();
        let state = &mut *guard;
        for row in rows {
            let Row { name, load, active, job, job_type } = row?;
            let active = self::state(active);
            totals.states.get_mut(active).into_iter().for_each(|count| *count += 1);
            if job != 0 {
                *totals.jobs.entry(job_type.into()).or_default() += 1;
            }
            if load != "loaded" {
                continue;
            }
            let kind = Kind::of(name);
            if let Some(unit) = state.units.get_mut(name) {
                unit.pass = self.pass;
                let set = match (whole, unit.state != active) {
                    (true, _) => self.settings.everything(kind, unit.served, active),
                    (false, true) => Set::changed(kind),
                    (false, false) => continue,
                };
                // Why it failed, or that it has not since.
                let asks = active == FAILED || unit.result.is_some();
                let set = if asks { set.with(Set::failed(kind)) } else { set };
                unit.turn(active);
                let known = state.units.get_key_value(name).map(|(known, _)| Arc::clone(known));
                self.reads.extend(known.map(|known| (known, set)));
                continue;
            }
            if let Some(pass) = state.skipped.get_mut(name) {
                *pass = self.pass;
                continue;
            }
            if let Some(pattern) = fold::pattern(name).filter(|_| self.settings.fold) {
                let row = totals.folded.get_mut(pattern).into_iter().flatten();
                row.skip(usize::from(active != 0)).take(1).for_each(|count| *count += 1);
                continue;
            }
            let (served, served_by_node) = self.settings.verdict(name);
            if !served && !served_by_node && Role::of(name).is_none() {
                state.skipped.insert(name.into(), self.pass);
            } else if state.units.len() >= self.settings.max_units {
                totals.dropped += 1;
            } else {
                let name: Arc<str> = name.into();
                let unit = Unit::new(kind, active);
                let unit = Unit { served, served_by_node, pass: self.pass, ..unit };
                state.units.insert(Arc::clone(&name), unit);
                let set = self.settings.everything(kind, served, active);
                self.reads.push_back((name, set));
            }
        }
        let pass = self.pass;
        for (name, _) in state.units.extract_if(.., |_, unit| unit.pass != pass) {
            self.facts.note(name);
        }
        state.skipped.retain(|_, seen| *seen == pass);
        state.totals = totals;
        Ok(())
    }

    fn signal(&mut self, message: &Message) -> Result<(), Lost> {
        let header = message.header();
        let is = |interface: &str, member: &str| {
            header.interface().is_some_and(|i| i.as_str() == interface)
                && header.member().is_some_and(|m| m.as_str() == member)
        };
        let sender = header.sender().map(zbus::names::UniqueName::as_str);
        if is(BUS, "NameOwnerChanged") && sender.is_none_or(|sender| sender == BUS) {
            let body = message.body();
            let (name, old, _): (&str, &str, &str) = body.deserialize()?;
            if name == SYSTEMD && !old.is_empty() {
                return Err(Lost::Other("systemd left the bus".to_owned()));
            }
            return Ok(());
        }
        if sender != self.owner.as_deref() {
            return Ok(());
        }
        if is(MANAGER, "Reloading") {
            let body = message.body();
            let begins: bool = body.deserialize()?;
            if !begins {
                self.read_anew();
                if self.stage == Stage::Following {
                    self.begin();
                }
            }
        } else if is(PROPERTIES, "PropertiesChanged") {
            self.changed(&header, message)?;
        }
        self.cache.lock().heard = Some(Instant::now());
        Ok(())
    }

    /// A unit says what it has become.
    fn changed(&mut self, header: &Header<'_>, message: &Message) -> Result<(), Lost> {
        let path = header.path().map_or("", |path| path.as_str());
        let Some(name) = path.strip_prefix(UNITS).and_then(name_of) else { return Ok(()) };
        let mut state = self.cache.lock();
        let Some((name, unit)) = find(&mut state.units, &name) else { return Ok(()) };
        let body = message.body();
        let (interface, properties, _): (&str, HashMap<&str, Variant<'_>>, Vec<&str>) =
            body.deserialize()?;
        if let Some(active) = properties.get("ActiveState").and_then(as_str) {
            unit.turn(self::state(active));
        }
        for (property, value) in &properties {
            if let Some(property) = Property::find(interface, property) {
                unit.set(property, Some(value));
            }
        }
        self.facts.note(Arc::clone(&name));
        match &unit.own {
            // When it elapses next is not told.
            Own::Timer(_) if interface.ends_with(".Timer") => {
                self.reads.push_back((name, Set::timer()));
            }
            Own::Service(service) if service.group.is_none() && runs(unit.state) => {
                self.reads.push_back((name, Set::place()));
            }
            _ => {}
        }
        Ok(())
    }
}

/// The index of `inactive` in the states.
const INACTIVE: usize = 3;

/// The index of `failed` in the states.
const FAILED: usize = 4;

/// Whether a unit in the state has processes, or may have.
fn runs(state: usize) -> bool {
    !matches!(STATES.get(state), Some(&("inactive" | "failed")))
}

/// Everything that a unit in the state has.
fn everything(kind: Kind, state: usize) -> Set {
    let set = Set::whole(kind, state != INACTIVE);
    let steady = matches!(STATES.get(state), Some(&("active" | "inactive" | "failed")));
    match kind {
        Kind::Service if !steady => set.with(Set::CONTROL),
        _ if state == FAILED => set.with(Set::failed(kind)),
        _ => set,
    }
}

/// A unit with the name that the map has for it.
fn find<'a>(
    units: &'a mut std::collections::BTreeMap<Arc<str>, Unit>,
    name: &str,
) -> Option<(Arc<str>, &'a mut Unit)> {
    let known = units.get_key_value(name).map(|(known, _)| Arc::clone(known))?;
    let unit = units.get_mut(name)?;
    Some((known, unit))
}

// === impl Asked ===

impl Asked {
    fn message(&self) -> Result<Message, Lost> {
        let manager =
            |property: &str| call(SYSTEMD, OBJECT, PROPERTIES, "Get", &(MANAGER, property));
        let bus = "/org/freedesktop/DBus";
        Ok(match self {
            Self::Match(rule) => call(BUS, bus, BUS, "AddMatch", rule)?,
            Self::Owner => call(BUS, bus, BUS, "GetNameOwner", &SYSTEMD)?,
            Self::Subscribe => call(SYSTEMD, OBJECT, MANAGER, "Subscribe", &())?,
            Self::Manager => call(SYSTEMD, OBJECT, PROPERTIES, "GetAll", &MANAGER)?,
            Self::ManagerProperty(property) => manager(property)?,
            Self::Resolved(property) => {
                let (name, path) = ("org.freedesktop.resolve1", "/org/freedesktop/resolve1");
                let manager = "org.freedesktop.resolve1.Manager";
                call(name, path, PROPERTIES, "Get", &(manager, property))?
            }
            Self::List => call(SYSTEMD, OBJECT, MANAGER, "ListUnits", &())?,
            Self::Property(name, property) => {
                let path = format!("{UNITS}{}", label(name));
                call(SYSTEMD, &path, PROPERTIES, "Get", &property.names())?
            }
        })
    }

    fn member(&self) -> &'static str {
        match self {
            Self::Match(_) => "AddMatch",
            Self::Owner => "GetNameOwner",
            Self::Subscribe => "Subscribe",
            Self::Manager => "GetAll",
            Self::ManagerProperty(_) | Self::Resolved(_) | Self::Property(..) => "Get",
            Self::List => "ListUnits",
        }
    }
}

#[cfg(test)]
mod tests;
