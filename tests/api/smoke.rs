//! The first requests of a new client.

use crate::on_both_databases;
use crate::server::*;

on_both_databases! { TestServer::tolerant;
    async fn smoke_account_is_created_read_and_updated(server: TestServer) {
        let account = regulator(&[(T, "0b9c2a54-7f0e-4c1b-9d55-6f2f6d0e8a11")]);
        let created = server.post("/Practitioner", &account).await.expect(201);
        assert_eq!(created.header("location"), format!("{BASE}/Practitioner/{}", created.id()));
        let read = server.get(&format!("/Practitioner/{}", created.id())).await.expect(200);
        assert_eq!(read.text, created.text);
        let mut changed = account.clone();
        changed["telecom"][0]["value"] = "other@example.org".into();
        let path = format!("/Practitioner?identifier={T}|0B9C2A54-7f0e-4c1b-9d55-6f2f6d0e8a11");
        let updated = server.put(&path, &changed).await.expect(200);
        assert_eq!((updated.id(), updated.header("etag")), (created.id(), "W/\"2\""));
        server.post("/Practitioner", &account).await.refused(422, "identifier-duplicate");
        assert_eq!(server.count("Practitioner").await, 1);
    }
}
