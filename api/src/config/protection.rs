//! The settings that protect the service against abuse: rates, bounds, pace, proxies and origins.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::num::NonZeroU32;
use std::time::Duration;

use ipnet::{IpNet, Ipv4Net};
use url::Url;

use super::{ConfigError, Options, set, web_address};

/// How much memory the uploads that are being received may take together. The rest of 128 MiB is for the process
/// itself, for what the HTTP server reads ahead on connections whose uploads are refused (up to 128 KiB each), and
/// for the images that are being sent to S3.
const UPLOAD_MEMORY_BYTES: u64 = 28 * 1024 * 1024;
/// What an upload takes beside its body, as long as its reader keeps up: what the HTTP server reads ahead, the
/// multipart reader, and the text fields.
const MEMORY_BESIDE_BODY_BYTES: u64 = 128 * 1024;
/// With very large files memory has to give way: fewer at a time would be no service.
const FEWEST_UPLOADS_IN_FLIGHT: u64 = 4;

/// The room for uploads that are received at the same time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum UploadRoom {
    /// So many uploads, large or small.
    Places(u64),
    /// As many as fit into so much memory.
    Bytes {
        /// How much there is.
        all: u64,
        /// The longest body that is read.
        largest: u64,
        /// What each takes beside its body.
        beside: u64,
    },
}

impl UploadRoom {
    /// How much there is.
    #[must_use]
    pub fn all(self) -> u64 {
        match self {
            Self::Places(places) => places,
            Self::Bytes { all, .. } => all,
        }
    }

    /// How much of it an upload takes whose body has so many bytes. `None`: the client does not say.
    #[must_use]
    pub fn of_upload(self, length: Option<u64>) -> u64 {
        match self {
            Self::Places(_) => 1,
            Self::Bytes {
                largest, beside, ..
            } => length.map_or(largest, |length| length.min(largest)) + beside,
        }
    }
}

/// Bounds on what clients may ask of the service.
#[derive(Clone, Debug)]
pub struct Protection {
    /// The networks whose `X-Forwarded-For` is believed.
    pub trusted_proxies: Vec<IpNet>,
    /// How many uploads one client may send. `None`: any number.
    pub upload_rate: Option<Rate>,
    /// How many other requests one client may send. `None`: any number.
    pub read_rate: Option<Rate>,
    /// How many uploads are received at the same time. `None`: what the memory allows.
    pub max_uploads_in_flight: Option<u64>,
    /// How fast the body of an upload has to arrive.
    pub upload_pace: UploadPace,
    /// How long the head of a request may take to arrive.
    pub request_head_timeout: Duration,
    /// The origins whose pages may write and read beside the service's own, as browsers write them
    /// (RFC 6454, section 6.2).
    pub allowed_origins: Vec<String>,
}

/// So many requests in each period. They may come all at once; then they become free one by one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Rate {
    /// How many requests.
    pub requests: NonZeroU32,
    /// In what time.
    pub period: Duration,
}

/// How fast the body of an upload has to arrive.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct UploadPace {
    /// How long the whole body may take.
    pub deadline: Duration,
    /// The least speed, averaged over each window.
    pub min_bytes_per_second: u64,
    /// How long a window is. A stall as long is forgiven wherever it falls, one twice as long is not.
    pub window: Duration,
}

impl Default for UploadPace {
    /// Five minutes in all, and 1 KiB/s over 20 seconds: a tenth of what the slowest mobile networks do, with
    /// room for a handover or a tunnel.
    fn default() -> Self {
        Self {
            deadline: Duration::from_mins(5),
            min_bytes_per_second: 1024,
            window: Duration::from_secs(20),
        }
    }
}

impl Default for Protection {
    fn default() -> Self {
        Self {
            trusted_proxies: loopback(),
            upload_rate: Some(Rate {
                requests: UPLOADS_AN_HOUR,
                period: HOUR,
            }),
            read_rate: Some(Rate {
                requests: READS_A_MINUTE,
                period: MINUTE,
            }),
            max_uploads_in_flight: None,
            upload_pace: UploadPace::default(),
            request_head_timeout: Duration::from_secs(10),
            allowed_origins: Vec::new(),
        }
    }
}

const MINUTE: Duration = Duration::from_mins(1);
const HOUR: Duration = Duration::from_hours(1);
/// A holiday's photos at once, and a screenshot every three seconds all day.
const UPLOADS_AN_HOUR: NonZeroU32 = NonZeroU32::new(1200).unwrap();
/// Thirty pages of a hundred thumbnails in a minute, for a household behind one address.
const READS_A_MINUTE: NonZeroU32 = NonZeroU32::new(3000).unwrap();

impl Protection {
    /// Checks the settings.
    ///
    /// # Errors
    /// [`ConfigError`] for the first one that cannot be used.
    pub(super) fn from_options(options: &Options) -> Result<Self, ConfigError> {
        let default = Self::default();
        let upload_rate = rate("UPLOAD_RATE", set(options.upload_rate.clone()))?;
        let read_rate = rate("READ_RATE", set(options.read_rate.clone()))?;
        let pace = default.upload_pace;
        let seconds = number(
            "UPLOAD_DEADLINE",
            set(options.upload_deadline.clone()),
            1..=86_400,
        )?;
        let speed = number(
            "UPLOAD_MIN_SPEED",
            set(options.upload_min_speed.clone()),
            0..=1_000_000_000,
        )?;
        let in_flight = number(
            "MAX_UPLOADS_IN_FLIGHT",
            set(options.max_uploads_in_flight.clone()),
            1..=100_000,
        )?;
        Ok(Self {
            trusted_proxies: match set(options.trusted_proxies.clone()) {
                Some(text) => trusted_proxies(&text)?,
                None => default.trusted_proxies,
            },
            upload_rate: upload_rate.unwrap_or(default.upload_rate),
            read_rate: read_rate.unwrap_or(default.read_rate),
            max_uploads_in_flight: in_flight,
            upload_pace: UploadPace {
                deadline: seconds.map_or(pace.deadline, Duration::from_secs),
                min_bytes_per_second: speed.unwrap_or(pace.min_bytes_per_second),
                ..pace
            },
            allowed_origins: match set(options.allowed_origins.clone()) {
                Some(text) => allowed_origins(&text)?,
                None => default.allowed_origins,
            },
            request_head_timeout: default.request_head_timeout,
        })
    }

    /// The room for uploads that are received at the same time: what was set, or 28 MiB of memory. With bodies of
    /// 1 MB that is 25 uploads.
    #[must_use]
    pub fn upload_room(&self, largest_body: u64) -> UploadRoom {
        let beside = MEMORY_BESIDE_BODY_BYTES;
        match self.max_uploads_in_flight {
            Some(places) => UploadRoom::Places(places),
            None => UploadRoom::Bytes {
                all: UPLOAD_MEMORY_BYTES.max(
                    FEWEST_UPLOADS_IN_FLIGHT.saturating_mul(largest_body.saturating_add(beside)),
                ),
                largest: largest_body,
                beside,
            },
        }
    }
}

/// A proxy on the same host, as in the deployment that the project describes. Whoever else connects from there is
/// on the host already.
fn loopback() -> Vec<IpNet> {
    const V4: Ipv4Net = Ipv4Net::new_assert(Ipv4Addr::new(127, 0, 0, 0), 8);
    vec![V4.into(), IpAddr::V6(Ipv6Addr::LOCALHOST).into()]
}

fn trusted_proxies(text: &str) -> Result<Vec<IpNet>, ConfigError> {
    if text.trim() == "none" {
        return Ok(Vec::new());
    }
    let network = |part: &str| -> Option<IpNet> {
        let network = part
            .parse()
            .ok()
            .or_else(|| Some(IpNet::from(part.parse::<IpAddr>().ok()?)))?;
        // Addresses are compared in their IPv4 form, so such a network would never match.
        let is_mapped = matches!(network, IpNet::V6(v6) if v6.addr().to_ipv4_mapped().is_some());
        (!is_mapped).then_some(network)
    };
    listed(text)
        .map(|part| {
            network(part).ok_or_else(|| {
                ConfigError::new(
                    "TRUSTED_PROXIES",
                    format!(
                        "{part:?} is neither an IP address nor a network; write none, or a list such as \
                         10.0.0.0/16,192.0.2.7,2001:db8::/32"
                    ),
                )
            })
        })
        .collect()
}

/// `None`: not set. `Some(None)`: switched off.
#[expect(
    clippy::option_option,
    reason = "not set and switched off are two answers"
)]
fn rate(
    variable: &'static str,
    value: Option<String>,
) -> Result<Option<Option<Rate>>, ConfigError> {
    let Some(text) = value else { return Ok(None) };
    if text.trim() == "off" {
        return Ok(Some(None));
    }
    let parse = || -> Option<Rate> {
        let (requests, period) = text.trim().split_once('/')?;
        let period = match period {
            "second" => Duration::from_secs(1),
            "minute" => MINUTE,
            "hour" => HOUR,
            _ => return None,
        };
        let requests: NonZeroU32 = requests.parse().ok()?;
        (requests.get() <= 1_000_000).then_some(Rate { requests, period })
    };
    let rate = parse().ok_or_else(|| {
        ConfigError::new(
            variable,
            format!(
                "{text:?} is no rate; write off, or a number up to 1000000 for each second, minute or hour, such as \
                 60/minute"
            ),
        )
    })?;
    Ok(Some(Some(rate)))
}

fn number(
    variable: &'static str,
    value: Option<String>,
    range: std::ops::RangeInclusive<u64>,
) -> Result<Option<u64>, ConfigError> {
    let Some(text) = value else { return Ok(None) };
    let number = text
        .trim()
        .parse()
        .ok()
        .filter(|number| range.contains(number));
    let (least, most) = (range.start(), range.end());
    number.map(Some).ok_or_else(|| {
        ConfigError::new(
            variable,
            format!("{text:?} is not a number from {least} to {most}"),
        )
    })
}

fn allowed_origins(text: &str) -> Result<Vec<String>, ConfigError> {
    listed(text)
        .map(|part| {
            let address = web_address("ALLOWED_ORIGINS", Some(part.to_owned()))?;
            address
                .and_then(|address| Url::parse(&address).ok())
                .filter(|url| url.path() == "/")
                .map(|url| url.origin().ascii_serialization())
                .ok_or_else(|| {
                    ConfigError::new(
                        "ALLOWED_ORIGINS",
                        format!("{part:?} is no origin: scheme, host and port alone, such as https://app.example.org"),
                    )
                })
        })
        .collect()
}

/// The parts of a list between commas. Empty ones are left out.
fn listed(text: &str) -> impl Iterator<Item = &str> {
    text.split(',')
        .map(str::trim)
        .filter(|part| !part.is_empty())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_documented_defaults() {
        let protection = Protection::from_options(&Options::default()).unwrap();
        let trusts = |address: &str| {
            let address: IpAddr = address.parse().unwrap();
            protection
                .trusted_proxies
                .iter()
                .any(|network| network.contains(&address))
        };
        assert!(trusts("127.0.0.1") && trusts("127.1.2.3") && trusts("::1"));
        assert!(!trusts("10.0.0.1") && !trusts("::2"));
        assert_eq!(protection.upload_rate.unwrap().requests.get(), 1200);
        assert_eq!(protection.read_rate.unwrap().requests.get(), 3000);
        assert_eq!(protection.upload_pace.deadline.as_secs(), 300);
        assert_eq!(protection.upload_pace.min_bytes_per_second, 1024);
        assert!(protection.allowed_origins.is_empty());
    }

    #[test]
    fn what_is_set_is_taken() {
        let text = |text: &str| Some(text.to_owned());
        let protection = Protection::from_options(&Options {
            trusted_proxies: text("10.0.0.0/8, 192.0.2.7, 2001:db8::/32,"),
            upload_rate: text("off"),
            read_rate: text("5/second"),
            max_uploads_in_flight: text("7"),
            upload_deadline: text("60"),
            upload_min_speed: text("0"),
            allowed_origins: text("https://App.example.org:443/, http://localhost:3000"),
            ..Options::default()
        })
        .unwrap();
        assert_eq!(
            protection.trusted_proxies,
            ["10.0.0.0/8", "192.0.2.7/32", "2001:db8::/32"].map(|network| network.parse().unwrap())
        );
        assert_eq!(protection.upload_rate, None);
        let five = NonZeroU32::new(5).unwrap();
        assert_eq!(
            protection.read_rate,
            Some(Rate {
                requests: five,
                period: Duration::from_secs(1)
            })
        );
        assert_eq!(protection.max_uploads_in_flight, Some(7));
        assert_eq!(protection.upload_pace.deadline, MINUTE);
        assert_eq!(protection.upload_pace.min_bytes_per_second, 0);
        assert_eq!(
            protection.allowed_origins,
            ["https://app.example.org", "http://localhost:3000"]
        );
    }

    #[test]
    fn no_proxy_has_to_be_trusted() {
        let options = Options {
            trusted_proxies: Some("none".to_owned()),
            ..Options::default()
        };
        assert!(
            Protection::from_options(&options)
                .unwrap()
                .trusted_proxies
                .is_empty()
        );
    }

    #[test]
    fn as_many_uploads_are_in_flight_as_fit_into_memory() {
        const MIB: u64 = 1024 * 1024;
        let protection = Protection::default();
        for (length, expected) in [
            (Some(1_000_000), 25),
            (Some(235_000), 80),
            (None, 24),
            (Some(MIB), 24),
        ] {
            let room = protection.upload_room(MIB);
            assert_eq!(room.all() / room.of_upload(length), expected, "{length:?}");
        }
        for large in [10 * MIB, 100 * MIB] {
            let room = protection.upload_room(large);
            assert_eq!(room.all() / room.of_upload(None), 4);
        }
    }

    #[test]
    fn a_number_of_uploads_counts_whatever_their_size() {
        let protection = Protection {
            max_uploads_in_flight: Some(7),
            ..Protection::default()
        };
        let room = protection.upload_room(1_048_576);
        for length in [None, Some(1), Some(1_048_576)] {
            assert_eq!(room.all() / room.of_upload(length), 7);
        }
    }
}
