//! The suites of the Python clients, by pytest: what came of each test is written by a plugin of
//! ours, `tests/interop/pytest_outcomes.py`.

use std::fs;
use std::iter;
use std::path::Path;
use std::process::Command;
use std::time::Duration;

use anyhow::{Context, Result};
use millrace_testkit::python;

use super::outcome::{Outcome, Outcomes};
use super::{Round, Suite, run};
use crate::interop::install::SCRIPTS;

pub const KAFKA_PYTHON: Suite = Suite {
    name: "kafka-python",
    built: "test/integration",
    floor: 53,
    run: |round| {
        let settings = "node.id=0\nnum.partitions=4\ngroup.min.session.timeout.ms=1000\n";
        let packages = [
            "pytest==8.4.2",
            "pytest-mock",
            "pytest-timeout",
            "crc32c",
            "lz4",
            "zstandard",
            "python-snappy",
        ];
        // The client is that of the checkout.
        let modules = [&*round.checkout];
        let mut pytest = pytest(round, &packages.map(str::to_owned), &modules)?;
        pytest.arg("test/integration");
        pytest.env("KAFKA_VERSION", "4.3.0");
        // Its fixtures look for a directory of Kafka, and for nothing in it.
        pytest.env("KAFKA_ROOT", &round.work);
        round.with_broker(settings, |broker| {
            pytest.env("KAFKA_URI", format!("kafka://{}", broker.address()));
            outcomes(round, &mut pytest)
        })
    },
};

pub const CONFLUENT_KAFKA_PYTHON: Suite = Suite {
    name: "confluent-kafka-python",
    built: "tests/integration",
    floor: 20,
    run: |round| {
        let settings = "node.id=1\nnum.partitions=4\n";
        let version = version(&round.checkout.join("pyproject.toml"))?;
        let mut packages = vec![format!("confluent-kafka=={version}")];
        packages.extend(CONFLUENT_PACKAGES.iter().map(|it| (*it).to_owned()));
        let mut pytest = pytest(round, &packages, &[&round.checkout])?;
        for part in ["admin", "producer", "consumer"] {
            pytest.arg(format!("tests/integration/{part}"));
        }
        round.with_broker(settings, |broker| {
            outcomes(round, pytest.env("BROKERS", broker.address()))
        })
    },
};

/// What its fixtures import.
const CONFLUENT_PACKAGES: &[&str] = &[
    "pytest==8.4.2",
    "pytest-asyncio",
    "pytest-timeout",
    "trivup",
    "avro",
    "attrs",
    "cachetools",
    "httpx",
    "authlib",
    "fastavro",
    "jsonschema",
    "protobuf",
    "googleapis-common-protos",
    "orjson",
    "requests",
    "respx",
    "pyrsistent",
];

pub const AIOKAFKA: Suite = Suite {
    name: "aiokafka",
    built: "tests",
    floor: 200,
    run: |round| {
        // As its own image sets them.
        let settings = "node.id=0\nnum.partitions=2\ngroup.initial.rebalance.delay.ms=0\n";
        let version = version(&round.checkout.join("aiokafka/__init__.py"))?;
        let packages = [
            &format!("aiokafka[snappy,lz4,zstd]=={version}"),
            "pytest==9.0.2",
            "pytest-asyncio==1.3.0",
            "pytest-mock==3.15.1",
            "pytest-timeout",
            "docker==7.1.0",
        ];
        let mut pytest = pytest(round, &packages.map(str::to_owned), &[])?;
        pytest.args(["tests", "-p", "aiokafka_fixtures"]);
        // The image says what the tests may expect of the broker.
        pytest.args(["--docker-image", "broker:2.13_2.8.1"]);
        pytest.args(["-k", "not ssl and not sasl", "-W", "default"]);
        round.with_broker(settings, |broker| {
            outcomes(round, pytest.env("MILLRACE_BROKER", broker.address()))
        })
    },
};

/// How long one test may take, in seconds.
const SECONDS: &str = "150";
/// How long all of a suite may take.
const PATIENCE: Duration = Duration::from_secs(2400);

/// Where the plugin writes.
const OUTCOMES: &str = "MILLRACE_OUTCOMES";

/// pytest in the checkout, with packages and directories of modules, which writes nothing there.
fn pytest(round: &Round, packages: &[String], modules: &[&Path]) -> Result<Command> {
    let name = round.checkout.file_name().unwrap_or_default();
    let name = format!("suite-{}", name.to_string_lossy());
    let mut pytest = Command::new(python::environment(round.cache, &name, packages)?);
    pytest.current_dir(&round.checkout);
    pytest.args([
        "-B",
        "-m",
        "pytest",
        "-p",
        "no:cacheprovider",
        "-p",
        "pytest_outcomes",
    ]);
    // Options of the suite's own may end the whole run for one test that is late.
    pytest.args([
        "-o",
        "addopts=",
        "--timeout",
        SECONDS,
        "--timeout-method=signal",
    ]);
    pytest.arg("--tb=short");
    pytest.env("PYTHONSAFEPATH", "1");
    let scripts = Path::new(SCRIPTS).canonicalize();
    let scripts = scripts.context("find the plugin")?;
    let modules = iter::once(&*scripts).chain(modules.iter().copied());
    let modules = std::env::join_paths(modules).context("name the modules")?;
    pytest.env("PYTHONPATH", modules);
    pytest.env(OUTCOMES, round.work.join("outcomes"));
    Ok(pytest)
}

fn outcomes(round: &Round, pytest: &mut Command) -> Result<Outcomes> {
    let log = round.work.join("pytest.log");
    let path = round.work.join("outcomes");
    fs::write(&path, "").context("make the file of the outcomes")?;
    run::bounded(pytest, &log, PATIENCE)?;
    let written = fs::read_to_string(&path).context("read the outcomes")?;
    let outcomes = parse(&written);
    if outcomes.iter().next().is_none() {
        let said = run::text(&log)?;
        let lines: Vec<_> = said.lines().collect();
        let tail = lines[lines.len().saturating_sub(20)..].join("\n");
        anyhow::bail!("pytest has run no test:\n{tail}");
    }
    Ok(outcomes)
}

/// The plugin's lines: `begun`, `passed`, `skipped` or `failed`, a test, and why, behind tabs.
fn parse(written: &str) -> Outcomes {
    let mut outcomes = Outcomes::default();
    let lines = || {
        written
            .lines()
            .map(|line| line.split('\t').collect::<Vec<_>>())
    };
    for line in lines() {
        let (word, test) = (line[0], line.get(1).copied().unwrap_or_default());
        let why = line.get(2).copied().unwrap_or_default();
        let outcome = match word {
            "begun" => continue,
            "passed" => Outcome::Passed,
            "skipped" => Outcome::Skipped,
            _ => Outcome::Failed(why.to_owned()),
        };
        outcomes.add(test, outcome);
    }
    for line in lines().filter(|it| it[0] == "begun") {
        let test = line.get(1).copied().unwrap_or_default();
        if outcomes.get(test).is_none() {
            outcomes.add(test, Outcome::Failed("it was not done".to_owned()));
        }
    }
    outcomes
}

/// The version of a package: the first of its file.
fn version(file: &Path) -> Result<String> {
    let text = fs::read_to_string(file).with_context(|| format!("read `{}`", file.display()))?;
    let found = version_in(&text);
    found.with_context(|| format!("find the version in `{}`", file.display()))
}

fn version_in(text: &str) -> Option<String> {
    let line = text
        .lines()
        .find(|it| it.contains("version") && it.contains('"'))?;
    line.split('"').nth(1).map(str::to_owned)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_the_plugin_writes_is_read() {
        let written = "begun\ta.py::a\npassed\ta.py::a\nbegun\ta.py::b[x y]\n\
                       skipped\ta.py::b[x y]\nbegun\ta.py::c\npassed\ta.py::c\n\
                       failed\ta.py::c\tit leaves a file open\nbegun\ta.py::d\n";
        let outcomes = parse(written);
        assert_eq!(outcomes.get("a.py::a"), Some(&Outcome::Passed));
        assert_eq!(outcomes.get("a.py::b[x y]"), Some(&Outcome::Skipped));
        let failed = |why: &str| Some(Outcome::Failed(why.to_owned()));
        assert_eq!(
            outcomes.get("a.py::c").cloned(),
            failed("it leaves a file open")
        );
        assert_eq!(outcomes.get("a.py::d").cloned(), failed("it was not done"));
    }

    #[test]
    fn the_version_of_a_checkout_is_found() {
        let version = |text| version_in(text);
        assert_eq!(version("__version__ = \"0.14.0\"\n").unwrap(), "0.14.0");
        let project = "[build-system]\n[project]\nname = \"c\"\nversion = \"2.15.0\"\n";
        assert_eq!(version(project).unwrap(), "2.15.0");
    }
}
