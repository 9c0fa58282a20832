//! Who the purge is to the cloud: the OS_* variables that every OpenStack client reads, and the few flags beside them.
//!
//! A password or secret comes from the environment or is asked for; no flag takes one.

use super::error::{PurgeError, Result};
use crate::ui::environment::Environment;
use secrecy::SecretString;
use serde_json::{Value, json};

/// What is known of the identity service and of the user.
#[derive(Clone, Debug)]
pub struct Credentials {
    /// The identity service, with its version: `https://keystone:5000/v3`.
    pub auth_url: String,
    /// Who logs in.
    pub user: User,
}

/// Who logs in.
#[derive(Clone, Debug)]
pub enum User {
    /// A user with a password, for one project.
    Password {
        /// The user.
        user: Named,
        /// The user's domain, where the user is named.
        domain: Option<Named>,
        /// The project.
        project: Named,
        /// The project's domain, where the project is named.
        project_domain: Option<Named>,
        /// The password; asked for where it is absent.
        password: Option<SecretString>,
    },
    /// An application credential, which says its project itself.
    Application {
        /// The credential.
        credential: Named,
        /// Its user, where it is named.
        user: Option<Named>,
        /// The user's domain, where the user is named.
        domain: Option<Named>,
        /// The secret; asked for where it is absent.
        secret: Option<SecretString>,
    },
}

/// An id, or a name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Named {
    /// By id.
    Id(String),
    /// By name.
    Name(String),
}

impl Named {
    fn to_json(&self) -> Value {
        match self {
            Self::Id(id) => json!({ "id": id }),
            Self::Name(name) => json!({ "name": name }),
        }
    }
}

impl Credentials {
    /// Reads them. `auth_url` is a flag, and wins over OS_AUTH_URL.
    ///
    /// # Errors
    /// Something that is needed is not said.
    pub fn find(auth_url: Option<&str>, environment: &Environment<'_>) -> Result<Self> {
        let value = |name: &str| environment.value(name);
        let named = |id: &str, name: &str| value(id).map(Named::Id).or_else(|| value(name).map(Named::Name));
        let url = auth_url.map(str::to_owned).or_else(|| value("OS_AUTH_URL"));
        let url = url.ok_or_else(|| missing("the identity service is not named", "set OS_AUTH_URL"))?;
        let auth_url = versioned(&url)?;
        let user = named("OS_USER_ID", "OS_USERNAME");
        // Keystone's own default domain: what clients take where none is named.
        let default = || Some(Named::Id(value("OS_DEFAULT_DOMAIN").unwrap_or_else(|| "default".to_owned())));
        let domain = named("OS_USER_DOMAIN_ID", "OS_USER_DOMAIN_NAME").or_else(default);
        if let Some(credential) = named("OS_APPLICATION_CREDENTIAL_ID", "OS_APPLICATION_CREDENTIAL_NAME") {
            if matches!(credential, Named::Name(_)) && user.is_none() {
                return Err(missing(
                    "the application credential is named, but not its user",
                    "set OS_USERNAME, or OS_APPLICATION_CREDENTIAL_ID",
                ));
            }
            let secret = value("OS_APPLICATION_CREDENTIAL_SECRET").map(SecretString::from);
            return Ok(Self { auth_url, user: User::Application { credential, user, domain, secret } });
        }
        let user = user.ok_or_else(|| {
            missing(
                "no user is named",
                "set OS_USERNAME and OS_PROJECT_NAME (or source the openrc file), or OS_APPLICATION_CREDENTIAL_ID",
            )
        })?;
        let project = named("OS_PROJECT_ID", "OS_PROJECT_NAME")
            .or_else(|| named("OS_TENANT_ID", "OS_TENANT_NAME"))
            .ok_or_else(|| missing("no project is named", "set OS_PROJECT_NAME or OS_PROJECT_ID"))?;
        let project_domain =
            named("OS_PROJECT_DOMAIN_ID", "OS_PROJECT_DOMAIN_NAME").or_else(|| domain.clone());
        let password = value("OS_PASSWORD").map(SecretString::from);
        Ok(Self { auth_url, user: User::Password { user, domain, project, project_domain, password } })
    }

    /// Asks for the password or secret where it is not known.
    ///
    /// # Errors
    /// There is nobody to ask, or no answer.
    pub fn complete(&mut self, ask: &mut dyn FnMut(&str) -> Option<SecretString>) -> Result<()> {
        let (secret, prompt, variable) = match &mut self.user {
            User::Password { password, user, .. } => {
                (password, format!("Password of the OpenStack user {}: ", shown(user)), "OS_PASSWORD")
            }
            User::Application { secret, credential, .. } => (
                secret,
                format!("Secret of the application credential {}: ", shown(credential)),
                "OS_APPLICATION_CREDENTIAL_SECRET",
            ),
        };
        if secret.is_none() {
            *secret = ask(&prompt);
        }
        match secret {
            Some(_) => Ok(()),
            None => Err(PurgeError::Usage {
                what: format!("no password is known: {variable} is not set, and nobody can be asked"),
                remedy: "set it in the environment, or run etl on a terminal",
            }),
        }
    }

    /// The body of `POST /v3/auth/tokens`.
    #[must_use]
    pub fn request(&self) -> SecretString {
        use secrecy::ExposeSecret as _;
        let of = |named: &Named, domain: &Option<Named>| {
            let mut object = named.to_json();
            // A name is one only within its domain; an id needs none.
            if let (Named::Name(_), Some(domain), Some(members)) = (named, domain, object.as_object_mut()) {
                members.insert("domain".to_owned(), domain.to_json());
            }
            object
        };
        let exposed = |secret: &Option<SecretString>| {
            secret.as_ref().map(|secret| secret.expose_secret().to_owned()).unwrap_or_default()
        };
        let auth = match &self.user {
            User::Password { user, domain, project, project_domain, password } => {
                let mut user = of(user, domain);
                user["password"] = exposed(password).into();
                json!({
                    "identity": { "methods": ["password"], "password": { "user": user } },
                    "scope": { "project": of(project, project_domain) },
                })
            }
            User::Application { credential, user, domain, secret } => {
                let mut application = credential.to_json();
                application["secret"] = exposed(secret).into();
                if let (Named::Name(_), Some(user)) = (credential, user) {
                    application["user"] = of(user, domain);
                }
                json!({
                    "identity": { "methods": ["application_credential"], "application_credential": application }
                })
            }
        };
        json!({ "auth": auth }).to_string().into()
    }
}

fn shown(named: &Named) -> &str {
    match named {
        Named::Id(text) | Named::Name(text) => text,
    }
}

fn missing(what: &str, remedy: &'static str) -> PurgeError {
    PurgeError::Usage { what: what.to_owned(), remedy }
}

/// The URL of the identity service with the version that is spoken here.
fn versioned(url: &str) -> Result<String> {
    let url = web_address(url, "the identity service")?;
    if url.ends_with("/v2.0") {
        return Err(PurgeError::Usage {
            what: format!("{url} is the old version of the identity service"),
            remedy: "name its version 3: OS_AUTH_URL=https://HOST:5000/v3",
        });
    }
    Ok(if url.ends_with("/v3") { url } else { format!("{url}/v3") })
}

/// A URL as it is used here: with a scheme, without a slash at its end, and never with a password.
///
/// # Errors
/// It is none.
pub fn web_address(url: &str, what: &str) -> Result<String> {
    let url = url.trim_end_matches('/');
    let rest = url.strip_prefix("https://").or_else(|| url.strip_prefix("http://"));
    let host = rest.and_then(|rest| rest.split('/').next()).unwrap_or_default();
    if host.is_empty() || host.contains('@') || url.contains([' ', '?', '#']) {
        return Err(PurgeError::Usage {
            // What is no URL may be anything, a password too.
            what: format!("what names {what} is no URL"),
            remedy: "name it as https://HOST:PORT/PATH, without user and password",
        });
    }
    Ok(url.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn find(variables: &[(&str, &str)]) -> Result<Credentials> {
        let variable =
            |name: &str| variables.iter().find(|(known, _)| *known == name).map(|(_, v)| (*v).to_owned());
        let environment = Environment { variable: &variable, ..Environment::of_process() };
        Credentials::find(None, &environment)
    }

    #[track_caller]
    fn check(variables: &[(&str, &str)], expected: Value) {
        use secrecy::ExposeSecret as _;
        let mut all = vec![("OS_AUTH_URL", "https://keystone:5000/v3/")];
        all.extend(variables);
        let credentials = find(&all).unwrap();
        assert_eq!(credentials.auth_url, "https://keystone:5000/v3");
        let request: Value = serde_json::from_str(credentials.request().expose_secret()).unwrap();
        assert_eq!(request, json!({ "auth": expected }));
    }

    #[test]
    fn a_password_s_request_names_user_project_and_domains() {
        check(
            &[
                ("OS_USERNAME", "admin"),
                ("OS_PASSWORD", "hunter2"),
                ("OS_USER_DOMAIN_NAME", "Default"),
                ("OS_PROJECT_NAME", "service"),
                ("OS_PROJECT_DOMAIN_ID", "d1"),
            ],
            json!({
                "identity": {"methods": ["password"], "password": {"user":
                    {"name": "admin", "domain": {"name": "Default"}, "password": "hunter2"}}},
                "scope": {"project": {"name": "service", "domain": {"id": "d1"}}},
            }),
        );
        check(
            &[("OS_USER_ID", "u"), ("OS_PASSWORD", "p"), ("OS_PROJECT_ID", "t")],
            json!({
                "identity": {"methods": ["password"], "password": {"user": {"id": "u", "password": "p"}}},
                "scope": {"project": {"id": "t"}},
            }),
        );
        check(
            &[("OS_USERNAME", "u"), ("OS_PASSWORD", "p"), ("OS_TENANT_NAME", "t")],
            json!({
                "identity": {"methods": ["password"], "password": {"user":
                    {"name": "u", "domain": {"id": "default"}, "password": "p"}}},
                "scope": {"project": {"name": "t", "domain": {"id": "default"}}},
            }),
        );
    }

    #[test]
    fn an_application_credential_s_request_has_no_scope() {
        check(
            &[("OS_APPLICATION_CREDENTIAL_ID", "c"), ("OS_APPLICATION_CREDENTIAL_SECRET", "s")],
            json!({"identity": {"methods": ["application_credential"],
                "application_credential": {"id": "c", "secret": "s"}}}),
        );
        check(
            &[
                ("OS_APPLICATION_CREDENTIAL_NAME", "c"),
                ("OS_APPLICATION_CREDENTIAL_SECRET", "s"),
                ("OS_USERNAME", "u"),
                ("OS_USER_DOMAIN_NAME", "D"),
            ],
            json!({"identity": {"methods": ["application_credential"],
                "application_credential": {"name": "c", "secret": "s", "user": {"name": "u", "domain": {"name": "D"}}}}}),
        );
    }

    #[test]
    fn what_is_not_said_is_asked_for_or_refused() {
        let url = ("OS_AUTH_URL", "http://k");
        for (variables, expected) in [
            (&[][..], "identity service is not named"),
            (&[url], "no user is named"),
            (&[url, ("OS_USERNAME", "u")], "no project is named"),
            (&[url, ("OS_APPLICATION_CREDENTIAL_NAME", "c")], "but not its user"),
            (&[("OS_AUTH_URL", "https://k/v2.0")], "old version"),
            (&[("OS_AUTH_URL", "k:5000")], "is no URL"),
            (&[("OS_AUTH_URL", "https://u:hunter2@k/v3")], "is no URL"),
        ] {
            let error = find(variables).unwrap_err().to_string();
            assert!(error.contains(expected) && !error.contains("hunter2"), "{error}");
        }
        let mut credentials =
            find(&[url, ("OS_USERNAME", "admin"), ("OS_PROJECT_NAME", "p"), ("OS_PASSWORD", "")]).unwrap();
        let error = credentials.complete(&mut |_| None).unwrap_err();
        assert!(error.to_string().contains("OS_PASSWORD"), "{error}");
        let mut prompts = Vec::new();
        let mut answer = |prompt: &str| {
            prompts.push(prompt.to_owned());
            Some(SecretString::from("hunter2"))
        };
        credentials.complete(&mut answer).unwrap();
        credentials.complete(&mut answer).unwrap();
        assert_eq!(prompts, ["Password of the OpenStack user admin: "]);
        assert!(!format!("{credentials:?}").contains("hunter2"));
    }
}
