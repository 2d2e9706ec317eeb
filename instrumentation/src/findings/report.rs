//! New findings in the program's own log.

use crate::diagnosis::{Finding, Severity};

/// Tells of a finding, under the target `zokio::findings`.
pub(super) fn report(runtime: &str, finding: &Finding) {
    // The level of an event is part of its callsite, so there is one for each.
    macro_rules! event {
        ($level:expr) => {
            tracing::event!(
                target: "zokio::findings",
                $level,
                kind = finding.kind,
                runtime,
                task = finding.task.as_ref().map(|task| task.id),
                worker = finding.worker,
                at = finding.locations.first().map(|at| {
                    tracing::field::display(format!("{}:{}", at.file, at.line))
                }),
                "{}",
                finding.summary
            )
        };
    }
    match finding.severity {
        Severity::Critical => event!(tracing::Level::ERROR),
        Severity::Warning => event!(tracing::Level::WARN),
        Severity::Info => event!(tracing::Level::INFO),
    }
}

#[cfg(test)]
mod tests {
    use std::fmt::{Debug, Write as _};
    use std::sync::{Arc, Mutex};
    use std::time::Duration;

    use tracing::field::{Field, Visit};
    use tracing::{Event, Level, Subscriber};
    use tracing_subscriber::layer::{Context, Layer, SubscriberExt as _};
    use tracing_subscriber::registry;

    use super::super::Pass;
    use super::*;
    use crate::diagnosis::Subject;
    use crate::diagnosis::Thresholds;

    /// Level and text of what is told.
    #[derive(Clone, Default)]
    struct Told(Arc<Mutex<Vec<(Level, String)>>>);

    struct Text(String);

    impl Visit for Text {
        fn record_debug(&mut self, field: &Field, value: &dyn Debug) {
            write!(self.0, "{field}={value:?} ").unwrap();
        }
    }

    impl<S: Subscriber> Layer<S> for Told {
        fn on_event(&self, event: &Event<'_>, _: Context<'_, S>) {
            assert_eq!(event.metadata().target(), "zokio::findings");
            let mut text = Text(String::new());
            event.record(&mut text);
            let told = (*event.metadata().level(), text.0);
            self.0.lock().unwrap().push(told);
        }
    }

    #[test]
    fn a_finding_is_told_once_for_as_long_as_it_is_there() {
        let finding = |kind, severity| Finding {
            summary: format!("it is a {kind}"),
            worker: Some(3),
            ..Finding::new(kind, severity, Subject::Task(7), 5)
        };
        let deadlock = finding("deadlock", Severity::Critical);
        let hog = finding("cpu-hog", Severity::Warning);
        let told = Told::default();
        let pass = Pass::new(Duration::from_secs(1), Thresholds::default());
        let both = [deadlock.clone(), hog.clone()];
        tracing::subscriber::with_default(registry().with(told.clone()), || {
            pass.tell("main", &[], std::slice::from_ref(&deadlock));
            pass.tell("main", std::slice::from_ref(&deadlock), &both);
            pass.tell("main", &both, &both);
            pass.tell("main", &both, &[]);
        });
        let told = told.0.lock().unwrap().clone();
        assert_eq!(told.len(), 2, "{told:?}");
        assert_eq!((told[0].0, told[1].0), (Level::ERROR, Level::WARN));
        let text = "message=it is a deadlock kind=\"deadlock\" runtime=\"main\" worker=3 ";
        assert_eq!(told[0].1, text);
    }
}
