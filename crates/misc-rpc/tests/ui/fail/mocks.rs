use misc_rpc::rpc;

trait Named {
    fn name(&self) -> String;
}

#[rpc]
trait Users: Named {
    async fn version(&self) -> String;
}

fn main() {
    drop(UsersMock::new().version(|| String::new()));
}
