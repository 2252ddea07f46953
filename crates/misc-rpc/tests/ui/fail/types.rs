//! Types that do not travel.

use misc_rpc::rpc;
use serde::{Deserialize, Serialize};

struct Plain;

#[derive(Serialize)]
struct OnlyWritten;

#[derive(Deserialize)]
struct OnlyRead;

#[derive(Serialize, Deserialize)]
struct NoFault;

#[rpc]
trait Taken {
    async fn plain(&self, plain: Plain);

    async fn only_written(&self, written: OnlyWritten);

    async fn only_read(&self, read: OnlyRead);

    async fn lent(&self, lent: &Plain);

    async fn lent_inside(&self, lent: Option<&Plain>);

    async fn inside(&self, inside: Option<Vec<Plain>>);
}

#[rpc]
trait Given {
    async fn plain(&self) -> Plain;

    async fn only_written(&self) -> OnlyWritten;

    async fn only_read(&self) -> Result<OnlyRead, misc_rpc::Never>;

    async fn shared(&self) -> std::rc::Rc<u8>;
}

#[rpc]
trait Failing {
    async fn no_fault(&self) -> Result<(), NoFault>;

    async fn text(&self) -> Result<(), String>;
}

fn main() {}
