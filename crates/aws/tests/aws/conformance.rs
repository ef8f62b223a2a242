//! Every operation, and every member that we write or read, held against AWS's own API models as botocore ships them:
//! name, type and location.
//!
//! `CUTOVER_BOTOCORE` names the folder `botocore/data` of a Python environment, which `cargo xtask test` installs.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::io::Read as _;
use std::path::{Path, PathBuf};

use cutover_aws::operations::{Entry, table};
use cutover_aws::service::{Protocol, Service};
use cutover_aws::shape::{Kind, Location, Member};
use serde::de::{IgnoredAny, MapAccess, Visitor};
use serde::{Deserialize, Deserializer};
use serde_json::{Map, Value};

use crate::support::from_environment;

/// One service's model.
struct Model {
    protocol: Protocol,
    json: Value,
    orders: Orders,
}

/// The members of each shape in the model's order, which `Value` forgets.
#[derive(Deserialize)]
struct Orders {
    shapes: BTreeMap<String, Order>,
}

#[derive(Deserialize)]
struct Order {
    #[serde(default, deserialize_with = "keys")]
    members: Vec<String>,
}

fn keys<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<String>, D::Error> {
    struct Keys;

    impl<'de> Visitor<'de> for Keys {
        type Value = Vec<String>;

        fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
            f.write_str("an object")
        }

        fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Vec<String>, A::Error> {
            let mut keys = Vec::new();
            while let Some((key, IgnoredAny)) = map.next_entry()? {
                keys.push(key);
            }
            Ok(keys)
        }
    }

    deserializer.deserialize_map(Keys)
}

/// Whether a shape is sent or received: wire names differ.
#[derive(Clone, Copy, PartialEq)]
enum Way {
    Out,
    In,
}

impl Model {
    fn read(folder: &Path, service: Service) -> Self {
        let file = folder.join(service.command()).join(service.version()).join("service-2.json.gz");
        let packed = std::fs::File::open(&file).unwrap_or_else(|error| panic!("{}: {error}", file.display()));
        let mut text = String::new();
        flate2::read::GzDecoder::new(packed).read_to_string(&mut text).expect("a model is packed text");
        let json = serde_json::from_str(&text).expect("a model is JSON");
        let orders = serde_json::from_str(&text).expect("a model has shapes");
        Self { protocol: service.protocol(), json, orders }
    }

    fn shape(&self, name: &str) -> &Value {
        &self.json["shapes"][name]
    }

    /// What a member is called on the wire.
    fn wire(&self, name: &str, member: &Value, way: Way) -> String {
        let location = member["locationName"].as_str();
        let ours = match (self.protocol, way) {
            (Protocol::Json, _) => None,
            (Protocol::Ec2, Way::Out) => return ec2_name(name, member),
            _ => location,
        };
        // A list without a wrapper is called what its elements are called; none of ours is such a list.
        ours.unwrap_or(name).to_owned()
    }

    fn location(&self, member: &Value, owner: &Value, name: &str) -> Location {
        match member["location"].as_str() {
            Some("uri") => Location::Uri,
            Some("querystring") => Location::Query,
            Some("header") => Location::Header,
            Some(other) => panic!("the location {other} is not known"),
            None if owner["payload"] == *name => Location::Payload,
            None => Location::Body,
        }
    }

    /// Holds members against the structure of that name; what differs goes to `wrong`.
    fn compare(&self, path: &str, members: &[Member], shape_name: &str, way: Way, wrong: &mut String) {
        let shape = self.shape(shape_name);
        if shape["type"] != "structure" {
            let _ = writeln!(wrong, "{path} is a {} in the model", shape["type"]);
            return;
        }
        let empty = Map::new();
        let theirs = shape["members"].as_object().unwrap_or(&empty);
        let mut last = None;
        for member in members {
            let path = format!("{path}.{}", member.name);
            let found = theirs.iter().find(|(name, their)| self.wire(name, their, way) == member.name);
            let Some((name, their)) = found else {
                let _ = writeln!(wrong, "{path} is not in the model");
                continue;
            };
            if self.location(their, shape, name) != member.location {
                let _ = writeln!(wrong, "{path} is sent in another location: {their}");
            }
            // XML is checked against a schema that knows an order.
            if self.protocol == Protocol::RestXml && way == Way::Out && member.location == Location::Body {
                let order = self.orders.shapes[shape_name].members.iter().position(|other| other == name);
                if order < last {
                    let _ = writeln!(wrong, "{path} comes earlier in the model");
                }
                last = order;
            }
            let target = their["shape"].as_str().unwrap_or_default();
            self.compare_kind(&path, &member.kind, member.item, target, way, wrong);
        }
        if way == Way::Out {
            required(path, members, shape, |name| self.wire(name, &theirs[name], way), wrong);
        }
    }

    fn compare_kind(&self, path: &str, kind: &Kind, item: &str, target: &str, way: Way, wrong: &mut String) {
        let shape = self.shape(target);
        let theirs = shape["type"].as_str().unwrap_or("nothing");
        let fits = match kind {
            Kind::Text => theirs == "string",
            Kind::Integer => matches!(theirs, "integer" | "long"),
            Kind::Decimal => theirs == "double" && way == Way::In,
            Kind::Boolean => theirs == "boolean",
            Kind::Time => theirs == "timestamp",
            Kind::List(_) => theirs == "list",
            Kind::Map(_) => theirs == "map",
            Kind::Structure(_) => theirs == "structure",
        };
        if !fits {
            let _ = writeln!(wrong, "{path} is {theirs} in the model ({target}), not {kind:?}");
            return;
        }
        let inner = |which: &str| shape[which]["shape"].as_str().unwrap_or_default();
        match kind {
            Kind::List(element) => {
                if shape["flattened"] == true && self.protocol != Protocol::Ec2 {
                    let _ = writeln!(wrong, "{path} is a list without a wrapper in the model");
                }
                let theirs = shape["member"]["locationName"].as_str().unwrap_or("member");
                let named = matches!(self.protocol, Protocol::Query | Protocol::RestXml);
                if named && theirs != item {
                    let _ = writeln!(wrong, "{path} has elements called {theirs}, not {item}");
                }
                self.compare_kind(&format!("{path}[]"), element, "member", inner("member"), way, wrong);
            }
            Kind::Map(entry) => {
                self.compare_kind(&format!("{path}{{}}"), entry, "member", inner("value"), way, wrong);
            }
            Kind::Structure(members) => self.compare(path, &members(), target, way, wrong),
            Kind::Text | Kind::Integer | Kind::Decimal | Kind::Boolean | Kind::Time => {}
        }
    }

    fn compare_operation(&self, entry: &Entry, wrong: &mut String) {
        let operation = &self.json["operations"][entry.name];
        let path = format!("{} {}", entry.service.command(), entry.name);
        if operation.is_null() {
            let _ = writeln!(wrong, "{path} is not in the model");
            return;
        }
        let uri = operation["http"]["requestUri"].as_str().unwrap_or_default();
        if operation["http"]["method"] != entry.method || uri.trim_end_matches('/') != entry.path.trim_end_matches('/')
        {
            let _ = writeln!(wrong, "{path} is {} in the model", operation["http"]);
        }
        for (direction, way, members) in [("input", Way::Out, (entry.request)()), ("output", Way::In, (entry.output)())]
        {
            match operation[direction]["shape"].as_str() {
                Some(shape) => self.compare(&format!("{path} {direction}"), &members, shape, way, wrong),
                None if members.is_empty() => {}
                None => {
                    let _ = writeln!(wrong, "{path} has no {direction} in the model");
                }
            }
        }
        if operation["output"]["resultWrapper"].as_str().is_some_and(|name| name != format!("{}Result", entry.name)) {
            let _ = writeln!(wrong, "{path} wraps its result otherwise: {}", operation["output"]);
        }
        if let Some(namespace) = operation["input"]["xmlNamespace"]["uri"].as_str()
            && namespace != entry.service.namespace()
        {
            let _ = writeln!(wrong, "{path} has the namespace {namespace}");
        }
    }
}

/// EC2's own rule for the names of parameters.
fn ec2_name(name: &str, member: &Value) -> String {
    if let Some(name) = member["queryName"].as_str() {
        return name.to_owned();
    }
    let name = member["locationName"].as_str().unwrap_or(name);
    let mut letters = name.chars();
    letters.next().map(|first| first.to_uppercase().chain(letters).collect()).unwrap_or_default()
}

/// What the model demands has to be among our members, and never be left out.
fn required(path: &str, members: &[Member], shape: &Value, wire: impl Fn(&str) -> String, wrong: &mut String) {
    for name in shape["required"].as_array().into_iter().flatten().filter_map(Value::as_str) {
        let wire = wire(name);
        let ours = members.iter().find(|member| member.name == wire);
        let sure = ours.is_some_and(|member| member.required || matches!(member.kind, Kind::List(_) | Kind::Map(_)));
        if !sure {
            let _ = writeln!(wrong, "{path} needs {name} ({wire})");
        }
    }
}

fn folder() -> PathBuf {
    PathBuf::from(from_environment("CUTOVER_BOTOCORE", "the folder botocore/data of a Python environment"))
}

#[test]
fn every_member_of_every_operation_is_as_aws_models_it() {
    let mut wrong = String::new();
    for service in Service::ALL {
        let model = Model::read(&folder(), service);
        for entry in table().iter().filter(|entry| entry.service == service) {
            model.compare_operation(entry, &mut wrong);
        }
    }
    assert!(wrong.is_empty(), "{wrong}");
}

#[test]
fn every_service_has_the_protocol_of_awss_model() {
    for service in Service::ALL {
        let model = Model::read(&folder(), service);
        let about = &model.json["metadata"];
        let protocol = match service.protocol() {
            Protocol::Query => "query",
            Protocol::Ec2 => "ec2",
            Protocol::RestXml => "rest-xml",
            Protocol::Json => "json",
        };
        let signed_as = about["signingName"].as_str().or(about["endpointPrefix"].as_str());
        assert_eq!(about["protocol"], protocol, "{service:?}");
        assert_eq!(about["apiVersion"], service.version(), "{service:?}");
        assert_eq!(about["targetPrefix"].as_str().unwrap_or_default(), service.target(), "{service:?}");
        assert_eq!(signed_as, Some(service.name()), "{service:?}");
        assert_eq!(about["globalEndpoint"].is_string() && service != Service::Sts, service.is_global(), "{service:?}");
    }
}

#[test]
fn a_member_that_aws_does_not_know_is_found() {
    let model = Model::read(&folder(), Service::Sts);
    let mut entry = table().into_iter().find(|entry| entry.service == Service::Sts).expect("STS has an operation");
    entry.output =
        || vec![Member { name: "Akount", location: Location::Body, item: "member", kind: Kind::Text, required: true }];
    let mut wrong = String::new();
    model.compare_operation(&entry, &mut wrong);
    assert_eq!(wrong, "sts GetCallerIdentity output.Akount is not in the model\n");
}

#[test]
fn no_operation_is_declared_twice() {
    let mut names: Vec<_> = table().iter().map(|entry| (entry.service, entry.name)).collect();
    let all = names.len();
    names.sort_unstable();
    names.dedup();
    assert_eq!(names.len(), all);
}
