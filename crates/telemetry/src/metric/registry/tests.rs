use super::*;
use crate::metric::{InputMetrics, OutputMetrics, Side};
use crate::redact::Redactor;

fn labels(label: &str, path: &str) -> ComponentLabels {
    ComponentLabels {
        label: label.into(),
        path: path.into(),
        stream: None,
    }
}

/// `name{labels} value` of all series but the registry's own.
fn lines(registry: &Registry) -> Vec<String> {
    let show = |series: Series| {
        let labels: Vec<_> = series
            .labels
            .iter()
            .map(|(n, v)| format!("{n}={v}"))
            .collect();
        let value = match series.value {
            SeriesValue::Counter(value) | SeriesValue::Gauge(value) => value.to_string(),
            SeriesValue::Timer(timer) => format!("n{}", timer.count()),
            SeriesValue::Connection { up, established } => format!("{up}/{established}"),
        };
        format!("{}{{{}}} {value}", series.name, labels.join(","))
    };
    let all = registry.snapshot().into_iter();
    all.filter(|it| !it.name.starts_with("millrace_metric"))
        .map(show)
        .collect()
}

#[test]
fn every_series_of_a_component_exists_with_zero_from_construction() {
    let registry = Registry::default();
    let scope = registry.scope(labels("in", "root.input"));
    let _metrics = InputMetrics::new(&scope);
    assert_eq!(
        lines(&registry),
        [
            "input_connection_failed{label=in,path=root.input} 0",
            "input_connection_lost{label=in,path=root.input} 0",
            "input_connection_up{label=in,path=root.input} false/0",
            "input_latency_ns{label=in,path=root.input} n0",
            "input_received{label=in,path=root.input} 0",
        ]
    );
}

#[test]
fn owners_of_one_series_add_up_and_leave_their_counts_behind() {
    let registry = Registry::default();
    let first = registry.scope(labels("", "root.p"));
    let second = registry.scope(labels("", "root.p"));
    let handles = [&first, &second].map(|scope| {
        let timer = scope.timer("t_latency_ns", &[]);
        timer.observe_nanos(5, 2);
        (scope.counter("c", &[]), timer)
    });
    handles[0].0.add(2);
    handles[1].0.add(3);
    let expected = [
        "c{label=,path=root.p} 5",
        "t_latency_ns{label=,path=root.p} n4",
    ];
    assert_eq!(lines(&registry), expected);
    drop(first);
    assert_eq!(lines(&registry), expected, "a count never goes back");
    let third = registry.scope(labels("", "root.p"));
    third.counter("c", &[]).inc();
    drop(second);
    assert_eq!(
        lines(&registry),
        ["c{label=,path=root.p} 6"]
            .into_iter()
            .chain(lines(&registry).get(1).map(String::as_str))
            .collect::<Vec<_>>()
    );
    drop(third);
    assert!(
        lines(&registry).is_empty(),
        "series go with their last owner"
    );
}

#[test]
fn a_clone_of_a_scope_keeps_the_series() {
    let registry = Registry::default();
    let scope = registry.scope(labels("", "x"));
    let clone = scope.clone();
    clone.counter("c", &[]).inc();
    drop(scope);
    assert_eq!(lines(&registry), ["c{label=,path=x} 1"]);
    assert_eq!(
        clone.counter("c", &[]).get(),
        1.0,
        "asking twice gives the same cell"
    );
}

#[test]
fn a_kept_child_lives_as_long_as_its_parent() {
    let registry = Registry::default();
    let stream = registry.scope(labels("", ""));
    let counter = stream
        .kept_child("in", "root.input", None)
        .counter("c", &[]);
    counter.inc();
    assert_eq!(lines(&registry), ["c{label=in,path=root.input} 1"]);
    let again = stream.kept_child("in", "root.input", None);
    again.counter("c", &[]).inc();
    assert_eq!(lines(&registry), ["c{label=in,path=root.input} 2"]);
    drop((stream, again));
    assert_eq!(lines(&registry), [""; 0]);
}

#[test]
fn the_mapping_of_a_component_is_for_its_children_too_and_runs_before_that_of_the_registry() {
    let registry = Registry::new(RegistrySettings {
        mapping: Some(Arc::new(|name, labels| {
            (name != "inner_dropped").then(|| Mapped {
                name: format!("outer_{name}"),
                labels: labels
                    .iter()
                    .map(|(n, v)| (n.to_string(), v.to_string()))
                    .collect(),
            })
        })),
        ..RegistrySettings::default()
    });
    let inner: Arc<MappingFn> = Arc::new(|name, labels| {
        let labels = labels.iter().filter(|(name, _)| *name != "label");
        Some(Mapped {
            name: format!("inner_{name}"),
            labels: labels
                .map(|(n, v)| (n.to_string(), v.to_string()))
                .collect(),
        })
    });
    let stream = registry.scope(labels("", ""));
    let component = stream.kept_child("c", "root.c", Some(inner));
    component.counter("made", &[]).inc();
    component.counter("dropped", &[]).inc();
    let child = component.child("d", "root.c.d");
    child.counter("made", &[("own", "x")]).inc();
    stream
        .kept_child("e", "root.e", None)
        .counter("made", &[])
        .inc();
    assert_eq!(
        lines(&registry),
        [
            "outer_inner_made{own=x,path=root.c.d} 1",
            "outer_inner_made{path=root.c} 1",
            "outer_made{label=e,path=root.e} 1",
        ]
    );
}

#[test]
fn a_gauge_is_shared_by_its_owners_and_a_computed_one_adds_up() {
    let registry = Registry::default();
    let scopes = [1.0, 2.0].map(|value| {
        let scope = registry.scope(labels("", "x"));
        scope.gauge("shared", &[]).set(value);
        scope.gauge_fn("computed", &[], move || value);
        scope
    });
    assert_eq!(
        lines(&registry),
        ["computed{label=,path=x} 3", "shared{label=,path=x} 2"]
    );
    drop(scopes);
}

#[test]
fn a_computed_counter_leaves_its_count_behind() {
    let registry = Registry::default();
    let [first, second] = [1.5, 2.0].map(|value| {
        let scope = registry.scope(labels("", "x"));
        scope.counter_fn("c", &[], move || value);
        scope
    });
    assert_eq!(lines(&registry), ["c{label=,path=x} 3.5"]);
    drop(first);
    assert_eq!(lines(&registry), ["c{label=,path=x} 3.5"]);
    let third = registry.scope(labels("", "x"));
    third.counter("c", &[]).inc();
    drop(second);
    assert_eq!(lines(&registry), ["c{label=,path=x} 4.5"]);
    drop(third);
    assert!(lines(&registry).is_empty());
}

#[test]
fn a_connection_is_up_only_when_all_its_owners_are() {
    let registry = Registry::default();
    let scopes = [0, 1].map(|_| registry.scope(labels("", "x")));
    let [first, second] = scopes.each_ref().map(|it| it.connection(Side::Output));
    let state = || lines(&registry).pop();
    first.up();
    assert_eq!(
        state().unwrap(),
        "output_connection_up{label=,path=x} false/1"
    );
    second.up();
    assert_eq!(
        state().unwrap(),
        "output_connection_up{label=,path=x} true/2"
    );
    second.lost();
    second.failed();
    assert_eq!(
        lines(&registry),
        [
            "output_connection_failed{label=,path=x} 1",
            "output_connection_lost{label=,path=x} 1",
            "output_connection_up{label=,path=x} false/2",
        ]
    );
    let [kept, gone] = scopes;
    drop(gone);
    assert_eq!(
        state().unwrap(),
        "output_connection_up{label=,path=x} true/2"
    );
    first.down();
    assert_eq!(
        state().unwrap(),
        "output_connection_up{label=,path=x} false/2"
    );
    first.resume();
    assert_eq!(
        state().unwrap(),
        "output_connection_up{label=,path=x} true/2"
    );
    drop(kept);
}

#[test]
fn a_name_of_another_kind_is_refused_and_counted() {
    let registry = Registry::default();
    let scope = registry.scope(labels("", "x"));
    scope.counter("c", &[]).inc();
    scope.gauge("c", &[]).set(7.0);
    scope.gauge("c", &[("other", "labels")]).set(7.0);
    assert_eq!(lines(&registry), ["c{label=,path=x} 1"]);
    let refused = registry
        .snapshot()
        .into_iter()
        .find(|it| it.name.contains("refused"));
    assert!(matches!(refused.unwrap().value, SeriesValue::Counter(2.0)));
    let error = scope.timer_family("c", &["l"]).unwrap().with(&["v"]);
    error.observe_nanos(1, 1);
    assert_eq!(lines(&registry), ["c{label=,path=x} 1"]);
    let error = scope.timer_family("c", &[]).unwrap_err();
    assert_eq!(
        error.to_string(),
        "register metric `c` as a timer: it exists as a counter; give it another name"
    );
}

#[test]
fn label_values_above_the_bound_share_one_series() {
    let registry = Registry::new(RegistrySettings {
        series_per_family_max: 2,
        ..RegistrySettings::default()
    });
    let scope = registry.scope(labels("", "x"));
    let family = scope
        .counter_family(MetricName::verbatim("Foos"), &["topic"])
        .unwrap();
    for topic in ["a", "b", "c", "d", "a", "e"] {
        family.with(&[topic]).inc();
    }
    assert_eq!(
        lines(&registry),
        [
            "Foos{label=,path=x,topic=a} 2",
            "Foos{label=,path=x,topic=b} 1",
            "Foos{label=,path=x,topic=overflow} 3",
        ]
    );
    drop((scope, family));
    assert!(lines(&registry).is_empty());
}

#[test]
fn the_number_of_all_series_is_bounded() {
    let registry = Registry::new(RegistrySettings {
        series_max: 3,
        ..RegistrySettings::default()
    });
    let scope = registry.scope(labels("", "x"));
    for name in ["a", "b", "c", "d"] {
        scope.counter(name, &[]).inc();
    }
    assert_eq!(
        lines(&registry),
        ["a{label=,path=x} 1", "b{label=,path=x} 1"]
    );
}

#[test]
fn the_mapping_renames_relabels_and_drops() {
    let mapping: Arc<MappingFn> = Arc::new(|name, labels| {
        assert!(
            labels.iter().all(|it| it.0 != "mechanism"),
            "only the component's labels"
        );
        let kept = labels.iter().filter(|it| it.0 == "label");
        (name != "gone").then(|| Mapped {
            name: format!("{}{name}", if name == "mine" { "" } else { "my_" }),
            labels: kept
                .map(|(n, v)| ((*n).into(), v.replace("meow", "woof")))
                .collect(),
        })
    });
    let registry = Registry::new(RegistrySettings {
        mapping: Some(mapping),
        ..RegistrySettings::default()
    });
    let scope = registry.scope(labels("meow", "x"));
    let other = registry.scope(labels("meow", "y"));
    scope.counter("batches", &[("mechanism", "count")]).inc();
    other.counter("batches", &[("mechanism", "count")]).inc();
    scope.counter("gone", &[]).inc();
    scope.counter("mine", &[]).inc();
    assert_eq!(
        lines(&registry),
        [
            "mine{label=woof} 1",
            "my_batches{label=woof,mechanism=count} 2"
        ]
    );
    let verbatim: Vec<_> = registry.snapshot().iter().map(|it| it.verbatim).collect();
    assert_eq!(
        verbatim,
        [true, false, true],
        "a renamed metric keeps the name it was given"
    );
}

#[test]
fn label_values_are_bounded_redacted_and_sorted() {
    Redactor::global().add("planted-label-secret");
    let long = "é".repeat(400);
    let labels = Labels::new([
        ("z", "planted-label-secret"),
        ("a.b", &long),
        ("z", "x planted-label-secret"),
    ]);
    let pairs: Vec<_> = labels.iter().collect();
    assert_eq!(pairs[0].0, "a_b");
    assert_eq!(pairs[0].1.len(), 512);
    assert_eq!(pairs[1], ("z", "x ***"));
}

#[test]
fn labels_that_timers_need_for_themselves_move_aside() {
    let registry = Registry::default();
    let scope = registry.scope(ComponentLabels::default());
    scope
        .timer("t", &[("le", "1"), ("quantile", "2")])
        .observe_nanos(1, 1);
    scope.counter("c", &[("le", "1")]).inc();
    assert_eq!(
        lines(&registry),
        ["c{le=1} 1", "t{exported_le=1,exported_quantile=2} n1"]
    );
}

#[test]
fn a_detached_scope_records_into_nothing() {
    let scope = Scope::detached();
    let metrics = OutputMetrics::new(&scope.child("l", "p"));
    metrics.sent.inc();
    metrics.connection.up();
    metrics.latency.observe_nanos(5, 1);
    assert_eq!(metrics.sent.get(), 1.0);
    assert!(metrics.connection.is_up());
    scope.gauge_fn("g", &[], || 1.0);
    scope
        .counter_family("f", &["l"])
        .unwrap()
        .with(&["v"])
        .inc();
}

#[test]
fn series_come_and_go_while_others_read() {
    let registry = Registry::default();
    std::thread::scope(|threads| {
        for thread in 0..3 {
            let registry = &registry;
            threads.spawn(move || {
                for round in 0..200 {
                    let scope = registry.scope(labels("", &format!("p{}", (thread + round) % 2)));
                    scope.counter("c", &[]).inc();
                    scope.gauge("g", &[]).add(1.0);
                    scope.timer("t", &[]).observe_nanos(1, 1);
                    let _ = registry.snapshot();
                }
            });
        }
    });
    assert!(lines(&registry).is_empty());
}
