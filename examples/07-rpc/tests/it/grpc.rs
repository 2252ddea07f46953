//! gRPC, with tonic's own clients.

use futures_util::stream::{iter, unfold};
use misc::{
    App, Meter,
    test::{Signal, TestApp},
};
use rpc::{
    Directory,
    grpc::v1::{GetUserRequest, NewUser, users_client::UsersClient},
};
use tokio::sync::mpsc;
use tonic::{Code, transport::Channel};
use tonic_health::pb::{HealthCheckRequest, health_check_response::ServingStatus, health_client::HealthClient};
use tonic_reflection::pb::v1::{
    ServerReflectionRequest, server_reflection_client::ServerReflectionClient,
    server_reflection_request::MessageRequest, server_reflection_response::MessageResponse,
};

const SERVICE: &str = "users.v1.Users";

async fn start() -> (TestApp, Channel) {
    let app = App::new("users")
        .with(rpc::grpc("127.0.0.1:0".into(), Directory::default(), &Meter::default()).expect("descriptors"));
    let app = TestApp::start(app).await;
    let url = format!("http://{}", app.address("grpc").await);
    let channel = Channel::from_shared(url).expect("a URL").connect().await.expect("a connection");
    (app, channel)
}

fn new_user(name: &str) -> NewUser {
    NewUser { name: name.to_owned(), email: format!("{name}@example.org") }
}

#[tokio::test]
async fn a_client_of_tonic_is_answered() {
    let (app, channel) = start().await;
    let mut users = UsersClient::new(channel);
    let ada = users.get_user(GetUserRequest { id: 1 }).await.expect("a user").into_inner();
    assert_eq!((ada.id, &*ada.name), (1, "Ada Lovelace"));
    let nobody = users.get_user(GetUserRequest { id: 7 }).await.expect_err("nobody");
    assert_eq!((nobody.code(), nobody.message()), (Code::NotFound, "there is no user 7"));
    drop(users);
    app.stop().await.assert_clean().await;
}

#[tokio::test]
async fn a_call_in_flight_is_answered_while_the_server_drains() {
    let (app, channel) = start().await;
    let (more, new_users) = mpsc::channel(1);
    let new_users = unfold(new_users, async |mut more| more.recv().await.map(|user| (user, more)));
    let mut users = UsersClient::new(channel);
    let importing = users.import_users(new_users);
    let stopping = async {
        more.send(new_user("grace")).await.expect("it imports");
        // There is room for one, so the first has gone out.
        more.send(new_user("edsger")).await.expect("it imports");
        let phases = app.phases();
        app.signal(Signal::Terminate);
        phases.until("grpc stopping").await;
        more.send(new_user("grace")).await.expect("it imports");
        drop(more);
    };
    let (answer, ()) = tokio::join!(importing, stopping);
    assert_eq!(answer.expect("an answer").into_inner().added, 2, "one had the address of another");
    drop(users);
    app.ended().await.assert_clean().await;
}

#[tokio::test]
async fn health_is_told_to_who_asks_and_to_who_watches() {
    let (app, channel) = start().await;
    let mut health = HealthClient::new(channel);
    let asked = |service: &str| HealthCheckRequest { service: service.to_owned() };
    for service in [SERVICE, ""] {
        let answer = health.check(asked(service)).await.expect("an answer").into_inner();
        assert_eq!(answer.status(), ServingStatus::Serving, "of `{service}`");
    }
    let unknown = health.check(asked("orders.v1.Orders")).await.expect_err("there is no such service");
    assert_eq!(unknown.code(), Code::NotFound);

    let mut watched = health.watch(asked(SERVICE)).await.expect("an answer").into_inner();
    let mut next = async || watched.message().await.expect("a stream").map(|answer| answer.status());
    assert_eq!(next().await, Some(ServingStatus::Serving));
    app.signal(Signal::Terminate);
    assert_eq!(next().await, Some(ServingStatus::NotServing), "before it drains");
    assert_eq!(next().await, None, "and the drain does not wait for who watches");
    drop(health);
    app.ended().await.assert_clean().await;
}

#[tokio::test]
async fn reflection_tells_what_there_is() {
    let (app, channel) = start().await;
    let mut reflection = ServerReflectionClient::new(channel);
    let ask = |what| ServerReflectionRequest { host: String::new(), message_request: Some(what) };
    let questions = [
        ask(MessageRequest::ListServices(String::new())),
        ask(MessageRequest::FileContainingSymbol(SERVICE.to_owned())),
    ];
    let answers = reflection.server_reflection_info(iter(questions)).await;
    let mut answers = answers.expect("an answer").into_inner();
    let mut next = async || answers.message().await.expect("a stream").and_then(|answer| answer.message_response);
    let Some(MessageResponse::ListServicesResponse(list)) = next().await else { panic!("not the list") };
    assert!(list.service.iter().any(|service| service.name == SERVICE), "{list:?}");
    let Some(MessageResponse::FileDescriptorResponse(files)) = next().await else { panic!("not the file") };
    assert!(!files.file_descriptor_proto.is_empty());
    assert_eq!(next().await, None);
    drop(reflection);
    app.stop().await.assert_clean().await;
}
