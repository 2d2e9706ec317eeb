//! The spawn sites of one runtime as series: few enough, under labels that do not change.
//!
//! A site that comes while there is room gets a label of its own and keeps it; all that come later
//! are added up under `other` and stay there, since a series that changes its label breaks `rate`.
//! Of those that are there at the first look the busiest come first.
//!
//! No total ever falls. In a snapshot it may: a task that finishes while the snapshot is taken is
//! missing from it, and a counter that falls looks as if the program had been started again.

use std::collections::HashMap;
use std::panic::Location;
use std::sync::Arc;

use zokio::telemetry::SpawnSiteSnapshot;

/// The label of all sites that came too late for one of their own.
pub(crate) const OTHER: &str = "other";

/// What is known of a site, or of several.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Totals {
    pub(crate) spawned: u64,
    pub(crate) alive: u64,
    pub(crate) polls: u64,
    pub(crate) busy_ns: u64,
    pub(crate) scheduled_ns: u64,
    pub(crate) panicked: u64,
    pub(crate) cancelled: u64,
}

/// See the module.
#[derive(Debug, Clone, Default)]
pub(crate) struct Sites {
    max: usize,
    /// In the order in which they came.
    labelled: Vec<(Arc<str>, Totals)>,
    index: HashMap<Arc<str>, usize>,
    other: Totals,
}

impl Sites {
    /// At most `max` sites get a label of their own.
    pub(crate) fn new(max: usize) -> Sites {
        Sites {
            max,
            ..Sites::default()
        }
    }

    /// Takes a look's spawn sites over; no sites at all is no look at them.
    pub(crate) fn update(&mut self, sites: &[SpawnSiteSnapshot]) {
        if sites.is_empty() {
            return;
        }
        let mut seen: HashMap<String, Totals> = HashMap::new();
        for site in sites {
            seen.entry(label(site.location)).or_default().add(site);
        }
        let mut seen: Vec<_> = seen.into_iter().collect();
        seen.sort_by(|(a, x), (b, y)| y.busy_ns.cmp(&x.busy_ns).then_with(|| a.cmp(b)));
        // Those that are not seen have no task alive.
        let mut now = vec![Totals::default(); self.labelled.len()];
        let mut other = Totals::default();
        for (label, totals) in seen {
            if let Some(&at) = self.index.get(label.as_str()) {
                now[at] = totals;
            } else if self.labelled.len() < self.max {
                let label: Arc<str> = label.into();
                self.index.insert(Arc::clone(&label), self.labelled.len());
                self.labelled.push((label, Totals::default()));
                now.push(totals);
            } else {
                other.merge(&totals);
            }
        }
        for ((_, known), now) in self.labelled.iter_mut().zip(&now) {
            known.raise(now);
        }
        self.other.raise(&other);
    }

    /// Labels and totals, `other` last; it is there from the start, so that its first tasks are
    /// seen as an increase.
    pub(crate) fn iter(&self) -> impl Iterator<Item = (&str, &Totals)> {
        let labelled = self.labelled.iter().map(|(label, t)| (&**label, t));
        labelled.chain([(OTHER, &self.other)])
    }
}

impl Totals {
    fn add(&mut self, site: &SpawnSiteSnapshot) {
        self.merge(&Totals {
            spawned: site.spawned,
            alive: site.alive,
            polls: site.polls,
            busy_ns: site.busy_ns,
            scheduled_ns: site.scheduled_ns,
            panicked: site.panicked,
            cancelled: site.cancelled,
        });
    }

    fn merge(&mut self, more: &Totals) {
        self.spawned += more.spawned;
        self.alive += more.alive;
        self.polls += more.polls;
        self.busy_ns += more.busy_ns;
        self.scheduled_ns += more.scheduled_ns;
        self.panicked += more.panicked;
        self.cancelled += more.cancelled;
    }

    /// What counts up does not fall; what is alive does.
    fn raise(&mut self, now: &Totals) {
        let raise = |known: &mut u64, now: u64| *known = now.max(*known);
        raise(&mut self.spawned, now.spawned);
        self.alive = now.alive;
        raise(&mut self.polls, now.polls);
        raise(&mut self.busy_ns, now.busy_ns);
        raise(&mut self.scheduled_ns, now.scheduled_ns);
        raise(&mut self.panicked, now.panicked);
        raise(&mut self.cancelled, now.cancelled);
    }
}

fn label(place: &Location<'_>) -> String {
    format!(
        "{}:{}:{}",
        short(place.file()),
        place.line(),
        place.column()
    )
}

/// The file without the folder in which cargo keeps a dependency: it differs from machine to machine.
fn short(file: &str) -> String {
    let file = file.replace('\\', "/");
    let inside = ["/registry/src/", "/git/checkouts/"]
        .iter()
        .find_map(|folder| file.split_once(folder)?.1.split_once('/'));
    match inside {
        Some((_, inside)) => inside.to_owned(),
        None => file,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn here() -> &'static Location<'static> {
        Location::caller()
    }

    fn site(location: &'static Location<'static>, spawned: u64, busy_ns: u64) -> SpawnSiteSnapshot {
        let mut site = SpawnSiteSnapshot::empty(location);
        site.spawned = spawned;
        site.busy_ns = busy_ns;
        site.alive = spawned / 2;
        site
    }

    fn shown(sites: &Sites) -> Vec<(String, u64, u64)> {
        let one = |(label, t): (&str, &Totals)| (label.to_owned(), t.spawned, t.alive);
        sites.iter().map(one).collect()
    }

    #[test]
    fn late_sites_are_others_for_good_and_labels_stay() {
        let [quiet, busy, late, later] = [here(), here(), here(), here()];
        let other = OTHER.to_owned();
        let mut sites = Sites::new(2);
        assert_eq!(shown(&sites), [(other.clone(), 0, 0)]);
        sites.update(&[site(quiet, 4, 1), site(busy, 6, 9)]);
        sites.update(&[site(late, 20, 99), site(later, 30, 99), site(quiet, 8, 1)]);
        // The busy one was not seen the second time: none of its tasks is alive, its counts stay.
        let expected = [(label(busy), 6, 0), (label(quiet), 8, 4), (other, 50, 25)];
        assert_eq!(shown(&sites), expected);
    }

    #[test]
    fn labels_leave_out_the_folder_of_a_dependency() {
        let shown = label(here());
        assert!(shown.starts_with(file!()), "{shown}");
        let cargo = "/home/me/.cargo/registry/src/index-6f17/hyper-1.2.0/src/lib.rs";
        assert_eq!(short(cargo), "hyper-1.2.0/src/lib.rs");
        let git = "C:\\cargo\\git\\checkouts\\thing-1a2b\\3c4d\\src\\lib.rs";
        assert_eq!(short(git), "3c4d/src/lib.rs");
        assert_eq!(short("src/main.rs"), "src/main.rs");
    }

    #[test]
    fn no_counter_falls_when_a_task_ends_between_two_reads() {
        let mut sites = Sites::new(1);
        let place = here();
        sites.update(&[site(place, 10, 1_000)]);
        sites.update(&[site(place, 9, 10)]);
        let (_, totals) = sites.iter().next().unwrap();
        assert_eq!(
            (totals.spawned, totals.busy_ns, totals.alive),
            (10, 1_000, 4)
        );
    }

    #[test]
    fn a_look_without_sites_changes_nothing() {
        let mut sites = Sites::new(1);
        sites.update(&[site(here(), 10, 1_000)]);
        let before = shown(&sites);
        sites.update(&[]);
        assert_eq!(shown(&sites), before);
    }

    #[test]
    fn without_room_all_sites_are_others() {
        let mut sites = Sites::new(0);
        sites.update(&[site(here(), 10, 1)]);
        sites.update(&[site(here(), 12, 1)]);
        assert_eq!(shown(&sites), [("other".to_owned(), 12, 6)]);
    }
}
