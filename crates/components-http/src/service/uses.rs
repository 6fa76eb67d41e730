//! Which paths and addresses the components of a config are reached by, so that two which cannot be
//! served together are found before a run.

use std::sync::Arc;

use async_trait::async_trait;
use http::{Request, Response};
use millrace_spec::diagnostics::{Diagnostic, Span};
use millrace_spec::{ReadContext, codes};

use super::{HttpConfig, HttpService, Mount};
use crate::Body;
use crate::server::{Handler, Params, Peer, RequestBody, Route, Routes, check_path};

/// Every component of a config that is reached over HTTP.
#[derive(Default)]
struct EndpointUses(Vec<EndpointUse>);

struct EndpointUse {
    /// Where the component stands.
    component: String,
    /// Empty for the HTTP server of the service.
    address: String,
    address_span: Span,
    paths: Vec<(String, Span)>,
    /// Which template made it, and where in what it made.
    template: Option<String>,
}

/// Records a component; resources are left out: they are not built unless something names them.
pub(super) fn add(
    address: (&str, Span),
    paths: impl Iterator<Item = (String, Span)>,
    cx: &mut ReadContext,
) {
    let component = cx.path();
    if component.contains("_resources.") {
        return;
    }
    let found = EndpointUse {
        component,
        address: address.0.to_owned(),
        address_span: address.1,
        // Others are complained of already.
        paths: paths.filter(|(path, _)| check_path(path).is_ok()).collect(),
        template: cx.place_in_template(),
    };
    let uses = &mut cx.state::<EndpointUses>().0;
    // A component may be read twice, such as by a check.
    uses.retain(|it| it.component != found.component);
    uses.push(found);
}

/// Complains of paths and addresses that are taken by another component, by the HTTP server of the
/// service, or by what the process itself serves there. Call it when the whole config has been read.
pub fn check_endpoint_uses(http: &HttpConfig, of_process: &[&str], cx: &mut ReadContext) {
    let uses = std::mem::take(&mut cx.state::<EndpointUses>().0);
    check_addresses(http, &uses, cx);
    // It does not listen: what cannot be mounted here cannot be mounted in a run.
    let Ok(service) = HttpService::new(http.clone()) else {
        return;
    };
    let handler: Arc<dyn Handler> = Arc::new(Nothing);
    let mut mounts: Vec<Mount> = Vec::new();
    for path in of_process {
        mounts.extend(service.mount(path, "", &handler));
    }
    for found in &uses {
        let is_shared = found.address.is_empty();
        if is_shared && !http.enabled {
            let message = "field address is empty, and the HTTP server of the service is disabled";
            complain(found, found.address_span, message, cx).help =
                Some("set an address, or `http.enabled: true`".to_owned());
            continue;
        }
        // One of its own has no path but those of the component.
        let own = Arc::new(Routes::default());
        let mut routes: Vec<Route> = Vec::new();
        for (path, span) in &found.paths {
            let taken = match is_shared {
                true => service.mount(path, "", &handler).map(|it| mounts.push(it)),
                false => own
                    .add(path, "", Arc::clone(&handler))
                    .map(|it| routes.push(it)),
            };
            if let Err(error) = taken {
                complain(found, *span, error.text(), cx);
            }
        }
    }
}

/// One listener at an address: each component with an address has its own.
fn check_addresses(http: &HttpConfig, uses: &[EndpointUse], cx: &mut ReadContext) {
    let service = http.enabled.then_some(&*http.address);
    let mut taken: Vec<&str> = service.into_iter().collect();
    for found in uses {
        let address = &*found.address;
        // The system chooses the port 0 anew each time.
        if address.is_empty() || address.ends_with(":0") {
            continue;
        }
        if taken.contains(&address) {
            let whose = match service == Some(address) {
                true => "the HTTP server of the service",
                false => "another component",
            };
            let message = format!("field address: {whose} listens at `{address}`");
            complain(found, found.address_span, &message, cx).help =
                Some("choose another port".to_owned());
        }
        taken.push(address);
    }
}

fn complain<'c>(
    found: &EndpointUse,
    span: Span,
    message: &str,
    cx: &'c mut ReadContext,
) -> &'c mut Diagnostic {
    let message = match &found.template {
        Some(template) => format!("{template}: {message}"),
        None => message.to_owned(),
    };
    cx.error(codes::CONFLICT, span, message)
}

struct Nothing;

#[async_trait]
impl Handler for Nothing {
    async fn handle(&self, _: Request<RequestBody>, _: Params, _: &Arc<Peer>) -> Response<Body> {
        Response::new(Body::EMPTY)
    }
}
