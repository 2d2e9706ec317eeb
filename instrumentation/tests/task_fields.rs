//! The fields of spans, from the program to those who look at it over real sockets.

#[path = "serving/client.rs"]
mod client;
#[path = "tokio_console/picture.rs"]
mod picture;

use std::time::Duration;

use tonic::Streaming;
use tracing::Instrument as _;
use tracing_subscriber::layer::SubscriberExt as _;
use zokio::sync::mpsc;
use zokio_console_proto::tokio_console::instrument::InstrumentRequest;
use zokio_console_proto::tokio_console::instrument::instrument_client::InstrumentClient;
use zokio_console_proto::{MAJOR, MINOR, Unpacker, v1};
use zokio_instrumentation::{TaskEvents, builder};

use client::{channel, console, run, runtime};
use picture::Picture;

/// Serves requests, each in a span of its own, until there are no more.
async fn connection(mut users: mpsc::Receiver<&'static str>) {
    while let Some(user) = users.recv().await {
        let request = tracing::info_span!("request", user);
        users = async move {
            // It stays in the request until there is another one.
            users.recv().await;
            users
        }
        .instrument(request)
        .await;
    }
}

/// What a console has of the runtime, brought up to date until the task is as wanted.
struct Console {
    updates: Streaming<v1::Update>,
    unpacker: Unpacker,
    has: v1::RuntimeUpdate,
}

impl Console {
    async fn fields(&mut self, task: u64, wanted: &str) -> v1::Task {
        loop {
            let tasks = &self.has.tasks;
            if let Some(task) = tasks.iter().find(|t| t.id == task && told(t) == wanted) {
                return task.clone();
            }
            let update = self.updates.message().await.unwrap().expect("no end");
            let mut update = self.unpacker.unpack(update);
            self.has.apply(update.runtimes.remove(0));
        }
    }
}

fn told(task: &v1::Task) -> String {
    let fields = task
        .fields
        .iter()
        .map(|f| format!("{}={}", f.name, f.value));
    fields.collect::<Vec<_>>().join(" ")
}

#[test]
fn a_tasks_fields_are_told_as_its_spans_come_and_go() {
    let subscriber = tracing_subscriber::registry().with(TaskEvents::new());
    tracing::subscriber::set_global_default(subscriber).unwrap();
    let runtime = runtime("main");
    let guard = builder()
        .bind("127.0.0.1:0")
        .attach(runtime.handle())
        .publish_interval(Duration::from_millis(20))
        .start()
        .expect("a server");
    let (send, users) = mpsc::channel(4);
    let peer = tracing::info_span!("peer", port = 80, note = "a\x1b[2J\nb");
    let task = runtime.spawn(connection(users).instrument(peer));
    let id = task.id().as_u64();
    let other = runtime.spawn(std::future::pending::<()>());
    run(&runtime, async {
        let mut client = console(guard.addr()).await;
        let request = |filter: &str| v1::SubscribeRequest {
            major: MAJOR,
            minor: MINOR,
            interval_ns: 1,
            compact: true,
            tasks: Some(v1::TaskQuery {
                limit: 10,
                filter: filter.into(),
                ..Default::default()
            }),
            ..Default::default()
        };
        let subscribed = client.subscribe(request("")).await.unwrap();
        let mut console = Console {
            updates: subscribed.into_inner(),
            unpacker: Unpacker::default(),
            has: v1::RuntimeUpdate::default(),
        };
        let outside = "span=peer port=80 note=a\u{1b}[2J\nb";
        console.fields(id, outside).await;
        send.send("eve").await.unwrap();
        let inside = "span=peer:request user=eve port=80 note=a\u{1b}[2J\nb";
        console.fields(id, inside).await;

        // A filter finds it, and not the other one.
        let filtered = client.subscribe(request("field:user=eve")).await.unwrap();
        let update = filtered.into_inner().message().await.unwrap().unwrap();
        assert_eq!(update.runtimes[0].rows, [id]);

        // The stock client takes fields in once.
        let (channel, origin) = channel(guard.addr(), 64 * 1024).await;
        let mut stock = InstrumentClient::with_origin(channel, origin);
        let updates = stock.watch_updates(InstrumentRequest {}).await.unwrap();
        let mut picture = Picture::default();
        let first = updates.into_inner().message().await.unwrap();
        picture.apply(first.unwrap());
        let stock_task = &picture.tasks[&id];
        assert_eq!(stock_task.field("first.user").as_deref(), Some("eve"));
        assert_eq!(stock_task.field("user"), None);

        // What the request ends with, its fields end with.
        send.send("next").await.unwrap();
        console.fields(id, outside).await;
        let details = v1::TaskDetailsRequest {
            runtime_id: console.has.id,
            task_id: other.id().as_u64(),
        };
        let details = client.task_details(details).await.unwrap().into_inner();
        assert_eq!(told(&details.task.unwrap()), "");
    });
    drop(send);
    runtime.block_on(task).unwrap();
}
