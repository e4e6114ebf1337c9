//! The check of the index against the resources, its rebuilding, and its format.

use sas_endpoint::annuaire::search::Total;
use sas_endpoint::annuaire::store::{Extent, IndexCheck, Mirror};
use sas_endpoint::fhir::directory_type::DirectoryType;
use sqlx::AssertSqlSafe;

use crate::commands::{annuaire, text};
use crate::mirror::{TestMirror, practitioner};
use crate::on_both_databases;
use crate::played::directory;

const OF: DirectoryType = DirectoryType::Practitioner;

/// Does something to the tables behind the program's back.
async fn execute(test: &TestMirror, sql: &str) {
    let url = &test.database.url;
    if url.starts_with("sqlite") {
        let pool = sqlx::SqlitePool::connect(url).await.expect("a connection");
        sqlx::raw_sql(AssertSqlSafe(sql)).execute(&pool).await.expect("executed");
        pool.close().await;
    } else {
        let pool = sqlx::PgPool::connect(url).await.expect("a connection");
        let sql = format!("SET search_path = annuaire; {sql}");
        sqlx::raw_sql(AssertSqlSafe(sql.as_str())).execute(&pool).await.expect("executed");
        pool.close().await;
    }
}

async fn check(test: &TestMirror, extent: Extent) -> IndexCheck {
    test.mirror.verify(OF, extent).await.expect("checked")
}

/// Some commits, so that the index has segments, superseded versions and removed resources.
async fn fill(test: &TestMirror) {
    test.load(&directory(20)).await;
    for number in 1..=5 {
        test.load(&[practitioner(900 + number, "DURAND", "2025-03-01"), practitioner(number, "MARTIN", "2026-03-02")])
            .await;
    }
}

async fn reindex(test: &TestMirror) {
    let mirror = Mirror::open_to_reindex(&test.database.url).await.expect("it opens").expect("a mirror");
    let mut writer = crate::mirror::writer(&mirror).await;
    writer.reindex(|_, _| ()).await.expect("rebuilt");
}

on_both_databases! { TestMirror::empty;
    async fn verify_sound_index_agrees_before_and_after_changes_and_reindex(test: TestMirror) {
        assert!(check(&test, Extent::All).await.is_sound(), "an empty one");
        fill(&test).await;
        for _ in 0..2 {
            for extent in [Extent::Sample, Extent::All] {
                for of in DirectoryType::ALL {
                    let check = test.mirror.verify(of, extent).await.expect("checked");
                    assert!(check.is_sound(), "{of} {extent:?} {check:?}");
                }
            }
            let all = check(&test, Extent::All).await;
            assert!(all.checked >= all.resources && all.resources > 60, "{all:?}");
            let at = test.now().await;
            let before = test.walk(&at, OF, &[], 7).await;
            reindex(&test).await;
            assert_eq!(test.walk(&at, OF, &[], 7).await, before);
        }
    }

    async fn verify_posting_lost_is_found_and_reindex_repairs_it(test: TestMirror) {
        fill(&test).await;
        execute(&test, "DELETE FROM posting WHERE segment = (SELECT MIN(id) FROM segment WHERE resource_type = 2)").await;
        for extent in [Extent::Sample, Extent::All] {
            let check = check(&test, extent).await;
            assert!(check.missing > 0 && check.spurious == 0 && !check.is_sound(), "{check:?}");
            assert!(!check.examples.is_empty(), "{check:?}");
        }
        reindex(&test).await;
        let check = check(&test, Extent::All).await;
        assert!(check.is_sound(), "{check:?}");
    }

    async fn verify_posting_moved_to_another_term_is_found(test: TestMirror) {
        fill(&test).await;
        let last = "(SELECT MAX(id) FROM segment WHERE resource_type = 2)";
        let first_term = format!("(SELECT term FROM posting WHERE segment = {last} ORDER BY term LIMIT 1)");
        let terms = if test.database.url.starts_with("sqlite") { "X'08646F6500'" } else { "'\\x08646f6500'" };
        execute(&test, &format!("UPDATE posting SET term = {terms} WHERE segment = {last} AND term = {first_term}")).await;
        let check = check(&test, Extent::All).await;
        assert!(check.missing > 0 && check.spurious > 0, "{check:?}");
    }

    async fn verify_posting_unreadable_is_found(test: TestMirror) {
        fill(&test).await;
        let bytes = if test.database.url.starts_with("sqlite") { "X'010203'" } else { "'\\x010203'" };
        let segment = "(SELECT MIN(id) FROM segment WHERE resource_type = 2)";
        execute(&test, &format!("UPDATE posting SET sequences = {bytes} WHERE segment = {segment}")).await;
        let check = check(&test, Extent::Sample).await;
        assert!(check.unreadable > 0 && check.missing > 0, "{check:?}");
    }

    async fn verify_segment_lost_is_found_and_reindex_repairs_it(test: TestMirror) {
        fill(&test).await;
        let before = check(&test, Extent::All).await;
        let lost = "(SELECT MIN(id) FROM segment WHERE resource_type = 2)";
        execute(&test, &format!("DELETE FROM posting WHERE segment = {lost}; DELETE FROM segment WHERE id = {lost}")).await;
        let damaged = check(&test, Extent::Sample).await;
        assert!(damaged.covered < damaged.resources && !damaged.is_sound(), "{damaged:?}");
        reindex(&test).await;
        let after = check(&test, Extent::All).await;
        assert!(after.is_sound() && after.resources == before.resources, "{after:?}");
    }

    async fn verify_resource_superseded_wrongly_is_found(test: TestMirror) {
        fill(&test).await;
        execute(&test, "DELETE FROM closing WHERE resource_type = 2").await;
        let check = check(&test, Extent::All).await;
        assert!(check.wrong_state > 0 && check.covered > check.resources, "{check:?}");
    }

    async fn index_format_unknown_is_refused_and_the_message_names_reindex(test: TestMirror) {
        fill(&test).await;
        let url = &test.database.url;
        for format in ["0", "2", "x"] {
            execute(&test, &format!("UPDATE note SET value = '{format}' WHERE name = 'index-format'")).await;
            for refused in [Mirror::open(url).await.err(), Mirror::open_existing(url).await.err()] {
                let sentence = refused.expect("refused").to_string();
                assert!(sentence.contains("reads format 1") && sentence.contains("annuaire reindex"), "{sentence}");
            }
            reindex(&test).await;
            Mirror::open(url).await.expect("it opens");
        }
        // A mirror of a program that noted no format has the first.
        execute(&test, "DELETE FROM note WHERE name = 'index-format'").await;
        Mirror::open_existing(url).await.expect("it opens");
        let mirror = Mirror::open(url).await.expect("it opens");
        let at = test.now().await;
        assert_eq!(mirror.total(OF, &[], &at, Total::Wanted).await.expect("a total"), Some(65));
    }

    async fn verify_and_reindex_commands_report_what_they_find(test: TestMirror) {
        let run = |arguments: &'static [&'static str]| {
            let mut command = annuaire(&test.database, arguments);
            async move {
                let output = tokio::task::spawn_blocking(move || command.output().expect("it runs")).await;
                let output = output.expect("it ends");
                (output.status.code(), text(&output))
            }
        };
        fill(&test).await;
        let (status, told) = run(&["verify"]).await;
        assert!(status == Some(0) && told.contains("The index agrees"), "{told}");
        execute(&test, "DELETE FROM posting WHERE segment = (SELECT MIN(id) FROM segment WHERE resource_type = 2)").await;
        let (status, told) = run(&["verify", "--all"]).await;
        assert!(status == Some(4) && told.contains("DAMAGED: ") && told.contains("`annuaire reindex`"), "{told}");
        let (status, told) = run(&["reindex"]).await;
        assert!(status == Some(0) && told.contains("rebuilt"), "{told}");
        let (status, told) = run(&["verify", "--all"]).await;
        assert!(status == Some(0) && told.contains("Practitioner"), "{told}");
    }
}
