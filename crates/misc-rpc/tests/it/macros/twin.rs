//! The same contract by `#[rpc]` and by hand.

use std::sync::Arc;

use misc_rpc::{Client, ClientMethod, Contract, Error, Fault, Methods, Never, Param, Procedure, Server, rpc};
use serde::{Deserialize, Serialize};
use serde_json::json;

use super::ask;

#[derive(Debug, PartialEq, Serialize, Deserialize, thiserror::Error)]
#[error("there is no number {0}")]
struct Missing(u64);

impl Fault for Missing {
    fn code(&self) -> i32 {
        404
    }
}

struct Table(Vec<i64>);

/// Numbers in a table.
#[rpc]
trait Numbers {
    /// Reads a number.
    #[rpc(idempotent)]
    async fn read(
        &self,
        /// Where it is.
        at: u64,
    ) -> Result<i64, Missing>;

    async fn sum(&self, scale: Option<i64>) -> i64;
}

impl Numbers for Table {
    async fn read(&self, at: u64) -> Result<i64, Missing> {
        usize::try_from(at).ok().and_then(|index| self.0.get(index)).copied().ok_or(Missing(at))
    }

    async fn sum(&self, scale: Option<i64>) -> i64 {
        self.0.iter().sum::<i64>() * scale.unwrap_or(1)
    }
}

mod by_hand {
    use super::{Contract, Param, Procedure};

    #[cfg(feature = "schema")]
    const fn shaped(param: Param) -> Param {
        use misc_rpc::Shape;

        match param.name.as_bytes() {
            b"at" => param.shape(Shape::of::<u64>()),
            _ => param.shape(Shape::of::<Option<i64>>()),
        }
    }

    #[cfg(not(feature = "schema"))]
    const fn shaped(param: Param) -> Param {
        param
    }

    #[cfg(feature = "schema")]
    const fn returning(procedure: Procedure) -> Procedure {
        procedure.returns(misc_rpc::Shape::of::<i64>())
    }

    #[cfg(not(feature = "schema"))]
    const fn returning(procedure: Procedure) -> Procedure {
        procedure
    }

    pub(super) const READ: Procedure = returning(Procedure::new("read"))
        .docs("Reads a number.")
        .params(const { &[shaped(Param::new("at")).docs("Where it is.")] })
        .idempotent();

    pub(super) const SUM: Procedure =
        returning(Procedure::new("sum")).params(const { &[shaped(Param::new("scale")).optional()] });

    pub(super) const NUMBERS: Contract = Contract::new("Numbers", &[READ, SUM]).docs("Numbers in a table.");
}

use by_hand::{NUMBERS, READ, SUM};

fn methods(table: Table) -> Methods {
    let table = Arc::new(table);
    Methods::of(NUMBERS)
        .method_with(READ, Arc::clone(&table), async |table: Arc<Table>, (at,): (u64,)| table.read(at).await)
        .method_with(SUM, table, async |table: Arc<Table>, (scale,): (Option<i64>,)| {
            Ok::<_, Never>(table.sum(scale).await)
        })
}

struct NumbersByHand {
    read: ClientMethod,
    sum: ClientMethod,
}

impl NumbersByHand {
    fn new(client: &Client) -> Self {
        Self { read: client.method(READ), sum: client.method(SUM) }
    }

    async fn read(&self, at: u64) -> Result<i64, Error<Missing>> {
        self.read.call(&(at,)).await
    }

    async fn sum(&self, scale: Option<i64>) -> Result<i64, Error> {
        self.sum.call(&(scale,)).await
    }
}

fn servers() -> [Server; 2] {
    [Table(vec![1, 2]).into_rpc(), methods(Table(vec![1, 2]))].map(|methods| Server::new(methods).expect("a server"))
}

#[test]
fn both_have_the_same_contract() {
    assert_eq!(format!("{:?}", NumbersClient::CONTRACT), format!("{NUMBERS:?}"));
}

#[tokio::test]
async fn both_answer_alike() {
    let [written, by_hand] = servers();
    let calls = [
        ("read", json!([1])),
        ("read", json!({ "at": 1 })),
        ("read", json!([7])),
        ("sum", json!([])),
        ("sum", json!([3])),
        ("sum", json!({})),
        ("sum", json!({ "scale": 3 })),
        ("other", json!([])),
        ("rpc.discover", json!([])),
    ];
    for (method, params) in calls {
        let answer = ask(&written, method, params.clone()).await;
        assert_eq!(answer, ask(&by_hand, method, params.clone()).await, "{method} {params}");
    }
    for (method, params) in [("read", json!([])), ("read", json!(["one"])), ("sum", json!({ "more": 1 }))] {
        let code = |answer: serde_json::Value| answer["error"]["code"].clone();
        let answer = code(ask(&written, method, params.clone()).await);
        assert_eq!(answer, -32602, "{method} {params}");
        assert_eq!(answer, code(ask(&by_hand, method, params).await));
    }
}

#[tokio::test]
async fn either_client_calls_either_server() {
    for server in servers() {
        let (written, by_hand) = (NumbersClient::over(server.clone()), NumbersByHand::new(&Client::over(server)));
        assert_eq!(written.read(1).await.expect("a number"), by_hand.read(1).await.expect("a number"));
        assert_eq!(written.sum(Some(3)).await.expect("a number"), by_hand.sum(Some(3)).await.expect("a number"));
        let errors = [written.read(7).await, by_hand.read(7).await].map(|result| result.expect_err("there is none"));
        assert_eq!(errors[0].fault(), errors[1].fault());
        assert_eq!(errors[0].to_string(), errors[1].to_string());
    }
}
