//! The same users by gRPC, as tonic has it: with health and reflection, under the same lifecycle.

use misc::{
    Address, App, BoxError, Context, Meter, Plugin,
    http::{Server, axum::Router, layers},
};
use tonic::{Request, Response, Status, Streaming, service::Routes};
use tonic_health::{
    ServingStatus,
    pb::health_server::HealthServer,
    server::{HealthReporter, HealthService},
};

use self::v1::{
    GetUserRequest, ImportUsersResponse, NewUser,
    users_server::{SERVICE_NAME, Users, UsersServer},
};
use crate::{
    directory::Directory,
    users::{User, UserError},
};

/// What is generated from `proto/users.proto`.
#[expect(warnings, reason = "the code is generated")]
pub mod v1 {
    tonic::include_proto!("users.v1");
}

/// What reflection tells of.
const DESCRIPTORS: &[u8] = tonic::include_file_descriptor_set!("users");

/// Serves users by gRPC.
///
/// # Errors
/// Reflection cannot read what the build has written.
pub fn grpc(listen: Address, directory: Directory, meter: &Meter) -> Result<impl Plugin + use<>, BoxError> {
    let reporter = HealthReporter::new();
    let routes = routes(directory, &reporter)?.layer(layers::standard(meter).access_log(true));
    let server = Server::new(listen, routes);
    // The last to start is the first to stop: clients hear that it goes before it does.
    Ok(move |app: App| app.service("grpc", server).service("grpc-health", move |ctx| report(ctx, reporter)))
}

fn routes(directory: Directory, reporter: &HealthReporter) -> Result<Router, BoxError> {
    let health = HealthServer::new(HealthService::from_health_reporter(reporter.clone()));
    let reflection =
        tonic_reflection::server::Builder::configure().register_encoded_file_descriptor_set(DESCRIPTORS).build_v1()?;
    let routes = Routes::new(UsersServer::new(directory)).add_service(health).add_service(reflection);
    Ok(routes.into_axum_router())
}

/// Says that users are served, until they are not.
async fn report(ctx: Context, mut reporter: HealthReporter) -> Result<(), BoxError> {
    reporter.set_service_status(SERVICE_NAME, ServingStatus::Serving).await;
    ctx.ready();
    ctx.stopping().await;
    // The empty name stands for the whole server.
    for name in [SERVICE_NAME, ""] {
        reporter.set_service_status(name, ServingStatus::NotServing).await;
        // Whoever watches has heard it and is let go, for else the server would wait for them.
        reporter.clear_service_status(name).await;
    }
    Ok(())
}

#[tonic::async_trait]
impl Users for Directory {
    async fn get_user(&self, request: Request<GetUserRequest>) -> Result<Response<v1::User>, Status> {
        let User { id, name, email } = self.find(request.into_inner().id)?;
        Ok(Response::new(v1::User { id, name, email }))
    }

    async fn import_users(
        &self,
        request: Request<Streaming<NewUser>>,
    ) -> Result<Response<ImportUsersResponse>, Status> {
        let (mut users, mut added) = (request.into_inner(), 0);
        while let Some(NewUser { name, email }) = users.message().await? {
            match self.add(&name, &email) {
                Ok(_) => added += 1,
                Err(UserError::Taken { .. }) => {}
                Err(error) => return Err(error.into()),
            }
        }
        Ok(Response::new(ImportUsersResponse { added }))
    }
}

impl From<UserError> for Status {
    fn from(error: UserError) -> Self {
        match error {
            UserError::NotFound { .. } => Self::not_found(error.to_string()),
            UserError::Taken { .. } => Self::already_exists(error.to_string()),
        }
    }
}
