use super::*;

fn opened() -> (tempfile::TempDir, Store) {
    let folder = tempfile::tempdir().unwrap();
    let store = Store::open(&folder.path().join("collector.db")).unwrap();

    (folder, store)
}

fn add(id: &'static str) -> impl FnOnce(&Transaction<'_>) -> anyhow::Result<()> + Send + 'static {
    move |tx| {
        tx.execute("INSERT INTO agency VALUES (?1, ?1, 'department', 0)", [id])?;
        Ok(())
    }
}

#[tokio::test]
async fn a_job_that_fails_leaves_no_trace_and_harms_no_other() {
    let (_folder, store) = opened();

    let failing = store.write(|tx| {
        tx.execute("INSERT INTO agency VALUES ('half', 'half', 'department', 0)", [])?;
        anyhow::bail!("changed my mind")
    });
    let (failed, kept): (anyhow::Result<()>, _) = tokio::join!(failing, store.write(add("whole")));
    let names: Vec<String> = store
        .read(|db| {
            Ok(db
                .prepare("SELECT id FROM agency")?
                .query_map([], |row| row.get(0))?
                .collect::<Result<_, _>>()?)
        })
        .await
        .unwrap();

    assert_eq!(failed.unwrap_err().to_string(), "changed my mind");
    assert!(kept.is_ok());
    assert_eq!(names, ["whole"]);
}

#[tokio::test]
async fn a_kept_entry_cannot_be_edited() {
    let (_folder, store) = opened();

    let edited = store
        .write(|tx| {
            tx.execute_batch(
                "INSERT INTO audit VALUES (1, 0, 'operator', NULL, 'a', 'b', 'c', x'00', x'01');
                 UPDATE audit SET person = 'nobody';",
            )?;
            Ok(())
        })
        .await;

    assert!(format!("{:#}", edited.unwrap_err()).contains("never edited"));
}
