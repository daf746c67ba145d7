#include "cli/reference_page.hpp"

#include <string_view>

#include "app/settings_outline.hpp"
#include "config/schema.hpp"

namespace gw::cli {
namespace {

constexpr std::string_view kIntroduction = R"(# Configuration

<!-- Made by `api-gateway reference`; `make generated` writes it anew. -->

One YAML file holds the routes and services; the environment overrides single settings and holds secrets. The file is
the one named by `--config`, else by `CONFIG_FILE`, else `config/gateway.yaml`, else `/etc/api-gateway/gateway.yaml`.

    api-gateway check --config FILE    # every mistake at once, each with its place and what would be right
    api-gateway routes                 # which requests go where
    api-gateway schema                 # JSON Schema, also in config/gateway.schema.json

Editors that speak YAML complete and check the file when it begins with
`# yaml-language-server: $schema=gateway.schema.json`.

## How it is read

- A setting has its default unless the file gives it; a variable wins over both. A variable set to nothing counts as
  not set.
- Whatever is unknown, out of bounds or contradictory is a mistake, in the file as in the environment, and the gateway
  does not start. On a reload (`SIGHUP`, or when the file changes) it keeps the old configuration instead.
- Settings that say "read at the start only" stay as they were when the gateway started: a reload that changes one
  takes the rest, and one `WARN` line of the log names those that wait for a restart. So does the first certificate, which
  opens the port for TLS.
- Variables whose names begin with `JWT_`, `REDIS_`, `RATE_LIMIT_`, `CIRCUIT_BREAKER_`, `TIMEOUT_`, `SHUTDOWN_`,
  `ADMIN_`, `TLS_`, `RESP_`, `INTERNAL_HMAC_`, `TRUSTED_PROX` or `ALLOWED_ORIGIN`, or end in `_SERVICE_URL`, must be ones
  that are listed here. The service links which Kubernetes adds by itself (`REDIS_PORT=tcp://…`,
  `AUTH_SERVICE_SERVICE_HOST` and their like) are ignored.
- A secret may also come from a file: `ADMIN_TOKEN_FILE=/run/secrets/admin-token`. One line break at its end (LF or
  CR LF) is cut off. A file without anything in it is a mistake; to go without the secret, unset the variable. A change of
  the file reloads, as one of the configuration does. Secrets are never shown, not even in messages about mistakes.
- Texts are UTF-8, in files as in variables; secrets may be any bytes.
- What is read again must be a regular file. Only at a start, and by commands, a pipe is read as well (`--config <(…)`).
- `VARIABLES_DIR` names a folder whose files are variables: `RATE_LIMIT_MAX` in it holds the value of that one. The
  process's own environment wins over them. A change in the folder reloads, as one of the file does: so a ConfigMap or a
  Secret that Kubernetes mounts there takes effect without a restart.
- `<NAME>` in the name of a variable is the name of the service in capitals, without `-service`, `-` written as `_`:
  `AUTH_SERVICE_URL` for `auth-service`.
- Lists in variables are separated by commas.
- Names of settings end in their unit: `_ms` is milliseconds, `_bytes_max` bytes.

## Which route takes a request

`path` is written in canonical form and compared with the canonical form of the request's path:

| written | takes |
|---|---|
| `/api/v1/events` | exactly this path |
| `/api/v1/events/{id}` | any one segment in place of `{id}` |
| `/api/v1/events/**` | `/api/v1/events` and everything below it |

The most specific path wins, segment by segment: a literal before a parameter before `/**`. Among routes with the same
path, the one with the more specific host goes first, then the one that lists methods. A route that fits by its path
but not by host or method is passed over for the next. When nothing is left the answer is 405 if other methods would
have been taken, else 404.

)";

}  // namespace

std::string reference_page() {
    std::string page(kIntroduction);
    page += config::reference_tables(app::settings_outline());
    return page;
}

}  // namespace gw::cli
