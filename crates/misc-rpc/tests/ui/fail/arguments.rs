use misc_rpc::rpc;

#[rpc]
trait Users {
    async fn any(&self, user: impl Into<String>);

    async fn borrowed_inside(&self, names: Vec<&str>);

    async fn borrowed_inside_twice(&self, name: Option<&&str>);

    async fn changed_inside(&self, name: Option<&mut String>);

    async fn borrowed_twice(&self, names: &[&str]);

    async fn for_ever(&self, name: &'static str);

    async fn hidden_lifetime(&self, name: std::borrow::Cow<'_, str>);

    async fn changed(&self, user: &mut String);

    async fn own_type(&self, other: &Self);

    async fn pattern(&self, (left, right): (u8, u8));

    async fn unnamed(&self, _: u8);

    async fn mutable(&self, mut count: u8) {
        count += 1;
        drop(count);
    }

    async fn attribute(&self, #[cfg(unix)] id: u64, #[serde(flatten)] more: Vec<u8>, #[serde(skip)] none: u8);

    async fn twins(&self, id: u64, #[serde(rename = "id")] other: u64);

    async fn nameless(&self, #[serde(rename = "")] id: u64);
}

fn main() {}
