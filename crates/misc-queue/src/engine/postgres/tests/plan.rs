//! That a turn costs the same however many jobs there are.

use super::*;

/// The types of what a turn takes.
const TYPES: &str =
    "bigint, bigint[], bigint[], text[], bigint[], boolean[], boolean[], text[], text[], text, text, bigint, boolean";

/// Ends `ended`, half of it otherwise than the other half, and claims 64 others.
fn call(ended: &[i64]) -> String {
    let (completed, dead) = ended.split_at(ended.len() / 2);
    let column = |value: &str| format!("ARRAY[{}]", vec![value; dead.len()].join(", "));
    format!(
        "1, ARRAY{completed:?}::bigint[], ARRAY{dead:?}::bigint[], {}::text[], {}::bigint[], {}::boolean[], {}::boolean[], {}::text[], {}::text[],
        'channel', 'mail', 64, true",
        column("'dead'"),
        column("NULL"),
        column("false"),
        column("false"),
        column("NULL"),
        column("NULL"),
    )
}

/// Runs a turn as the engine does, and returns the nodes of its plan, with what each of them has seen.
async fn explain(connection: &mut PgConnection, ended: &[i64]) -> Vec<String> {
    let explain = format!("EXPLAIN (ANALYZE, COSTS OFF, TIMING OFF, SUMMARY OFF) EXECUTE turn({})", call(ended));
    let rows = sqlx::raw_sql(AssertSqlSafe(explain)).fetch_all(connection).await.unwrap();
    rows.iter().map(|row| row.get(0)).collect()
}

/// Returns the largest number that follows one of these words in a line.
fn most(plan: &[String], word: &str) -> u64 {
    let numbers = plan.iter().filter_map(|line| line.split_once(word)).map(|(_, rest)| {
        let end = rest.find(|digit: char| !digit.is_ascii_digit()).unwrap_or(rest.len());
        rest[..end].parse::<u64>().unwrap()
    });
    numbers.max().unwrap_or(0)
}

fn check(plan: &[String], database: &Database) {
    let text = plan.join("\n");
    let table = format!("on {}jobs", database.prefix);
    let scans = plan.iter().filter(|line| line.contains(&table) && line.contains("Scan"));
    assert!(scans.clone().all(|line| line.contains("Index ")), "{text}");
    for index in ["available", "suspect", "waiting"] {
        assert!(text.contains(&format!("{}jobs_{index}", database.prefix)), "{index}: {text}");
    }
    // One more for what the turn says of itself.
    assert!(most(plan, "actual rows=") <= 65, "{text}");
    assert!(most(plan, "Rows Removed by Filter: ") <= 64, "{text}");
    assert!(!text.contains("external"), "{text}");
}

#[tokio::test]
async fn turns_read_no_more_than_they_take() {
    on(Database::new(), async |database| {
        let engine = database.engine().await;
        engine.enter(LONG).await.unwrap();
        let mut connection = PgConnection::connect_with(&engine.options).await.unwrap();
        let prepare = format!("PREPARE turn({TYPES}) AS {}", engine.turning.turn);
        sqlx::raw_sql(AssertSqlSafe(prepare)).execute(&mut connection).await.unwrap();
        // The plan is made while there is nothing, and goes on to be used.
        explain(&mut connection, &[]).await;

        let rows = database.tables().sql(
            "INSERT INTO {}jobs (queue, state, pushed_at, due_at, finished_at, priority, payload)
            SELECT 'mail', state, now(), now() + CASE WHEN state = 'scheduled' THEN interval '1 h' ELSE '0 s' END,
                CASE WHEN state = 'completed' THEN now() END, number % 3, '1'
            FROM generate_series(1, 100000) AS number,
                unnest(ARRAY['available', 'scheduled', 'completed']) AS state",
        );
        sqlx::raw_sql(AssertSqlSafe(rows)).execute(&mut connection).await.unwrap();
        for _ in 0..2 {
            let session = Session(1);
            let claimed = engine.turn(session, &[], Some(&claim(64))).await.unwrap().claimed;
            assert!(claimed.iter().all(|job| job.priority == 2), "{claimed:?}");
            let claimed: Vec<_> = claimed.iter().map(|job| job.id.0).collect();
            assert_eq!(claimed.len(), 64);
            let plan = explain(&mut connection, &claimed).await;
            check(&plan, database);
            let plan = explain(&mut connection, &[]).await;
            check(&plan, database);
            // Once more, with all that can be known.
            database.execute("ANALYZE {}jobs").await;
        }
    })
    .await;
}
