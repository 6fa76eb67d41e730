//! `http_basic_auth`: whether the server of the process lets a request in.

use millrace_testkit::http;
use serde_json::{Value as Json, json};

use super::product;
use crate::rows::text;
use crate::verdict::{Failure, Pass, Verdict};

/// Asks a server with the settings of a row, as the user of the row.
pub fn run(row: &Json) -> Verdict {
    let must_start = match text(row, "expectedErr")? {
        "assert.NoError" => true,
        "assert.Error" => false,
        other => return Err(Failure::misread(format!("`{other}` is not known"))),
    };
    let expected = match text(row, "expectedCode")? {
        "http.StatusOK" => 200,
        "http.StatusUnauthorized" => 401,
        other => return Err(Failure::misread(format!("`{other}` is not known"))),
    };
    let settings = json!({"basic_auth": {
        "enabled": row["enabled"],
        "algorithm": row["algorithm"],
        "username": row["correctUser"],
        "password_hash": row["correctPass"],
        "salt": row["salt"].as_str().unwrap_or_default(),
    }});
    let (_running, url) = match product::serve(settings)? {
        Ok(serving) if must_start => serving,
        Ok(_) => return Err(Failure::differs("no server", "a server")),
        Err(said) if said.contains("not part of this build") => {
            return Err(Failure::NotBuilt(said));
        }
        Err(_) if !must_start => return Ok(Pass::Ran),
        Err(said) => return Err(Failure::differs("a server", said)),
    };
    let (user, password) = (text(row, "givenUser")?, text(row, "givenPass")?);
    let authorization = http::basic_auth(user, password);
    let headers = [("Authorization", &*authorization)];
    let is_named = !user.is_empty() || !password.is_empty();
    let headers = if is_named { &headers[..] } else { &[] };
    let answer = http::request("GET", &format!("{url}/version"), headers, b"");
    match answer {
        Ok(answer) if answer.status == expected => Ok(Pass::Ran),
        Ok(answer) => Err(Failure::differs(
            format!("status {expected}"),
            format!("status {}", answer.status),
        )),
        Err(error) => Err(Failure::differs("an answer", format!("{error:#}"))),
    }
}
