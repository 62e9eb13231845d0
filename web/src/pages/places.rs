//! The pages in the navigation, in their groups.

/// What a page is for; the navigation shows the groups in this order.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Group {
    /// Whether mail is in danger.
    Reputation,
    /// What happened to which mail.
    Mail,
    /// Whether the figures can be believed.
    Data,
}

/// A page in the navigation.
pub(crate) struct Place {
    pub(crate) group: Group,
    pub(crate) address: &'static str,
    pub(crate) name: &'static str,
}

/// The list; within a group in the order of the navigation.
#[rustfmt::skip]
pub(crate) const PLACES: &[Place] = &[
    Place { group: Group::Reputation, address: "/", name: "Overview" },
    Place { group: Group::Reputation, address: "/rates", name: "Rates" },
    Place { group: Group::Reputation, address: "/alerts", name: "Alerts" },
    Place { group: Group::Mail, address: "/providers", name: "Providers" },
    Place { group: Group::Mail, address: "/bounces", name: "Bounces" },
    Place { group: Group::Mail, address: "/campaigns", name: "Campaigns" },
    Place { group: Group::Mail, address: "/engagement", name: "Engagement" },
    Place { group: Group::Mail, address: "/delays", name: "Delays" },
    Place { group: Group::Mail, address: "/messages", name: "Messages" },
    Place { group: Group::Data, address: "/import", name: "Import" },
    Place { group: Group::Data, address: "/health", name: "Health" },
];

/// What is drawn beside a name: the path of a line in a square of 20.
fn icon(address: &str) -> &'static str {
    match address {
        "/" => "M2.5 15.5a7.5 7.5 0 1 1 15 0M10 15.5l3.4-5",
        "/rates" => "M3 3v14h14M6 12.5l3.2-4 2.8 2.3 4.5-6",
        "/alerts" => "M5 14V9a5 5 0 0 1 10 0v5l1.5 1.5h-13zM8.3 18h3.4",
        "/providers" => {
            "M10 2.5a7.5 7.5 0 1 0 0 15 7.5 7.5 0 0 0 0-15M2.5 10h15M10 2.5c4.2 4.6 4.2 10.4 0 15-4.2-4.6-4.2-10.4 0-15"
        }
        "/bounces" => "M7 4 3 8l4 4M3 8h8.5a5 5 0 0 1 5 5v3",
        "/campaigns" => "M3 3h6.5l7.5 7.5-6.5 6.5L3 9.5zM6.7 6.7h.01",
        "/engagement" => "M3 3v5.5M3 3h5.5M4 4l5 5M8 8l8.5 3-3.7 1.8L11 16.5z",
        "/delays" => "M10 2.5a7.5 7.5 0 1 0 0 15 7.5 7.5 0 0 0 0-15M10 6v4.2l2.8 2",
        "/messages" => "M2.5 4.5h15v11h-15zM2.5 5.5l7.5 5.5 7.5-5.5",
        "/import" => "M10 2.5v9.5M6 8.5l4 4 4-4M3 13v4h14v-4",
        "/health" => "M2.5 10.5h3.5l2-5.5 3.5 10.5 2.2-5h3.8",
        _ => "M5 10h10",
    }
}

impl Group {
    const ALL: [Self; 3] = [Self::Reputation, Self::Mail, Self::Data];

    fn name(self) -> &'static str {
        match self {
            Self::Reputation => "Reputation",
            Self::Mail => "Mail",
            Self::Data => "Data",
        }
    }
}

/// A group of links.
pub(crate) struct Links {
    pub(crate) name: &'static str,
    pub(crate) links: Vec<Link>,
}

/// A link to a page.
pub(crate) struct Link {
    pub(crate) address: String,
    pub(crate) name: &'static str,
    pub(crate) icon: &'static str,
    pub(crate) current: bool,
}

/// The navigation on a page, which keeps its filters: `query` is their query string.
pub(crate) fn navigation(current: &str, query: &str) -> Vec<Links> {
    let link = |place: &Place| Link {
        address: with_query(place.address, query),
        name: place.name,
        icon: icon(place.address),
        current: place.address == current,
    };
    let links = |group: Group| Links {
        name: group.name(),
        links: PLACES.iter().filter(|place| place.group == group).map(link).collect(),
    };
    Group::ALL.into_iter().map(links).filter(|group| !group.links.is_empty()).collect()
}

/// An address with a query string, if there is one.
pub(crate) fn with_query(address: &str, query: &str) -> String {
    if query.is_empty() { address.to_owned() } else { format!("{address}?{query}") }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn links_keep_the_filters() {
        let groups = navigation("/rates", "range=7d&provider=gmail");
        assert_eq!(groups[0].links[1].address, "/rates?range=7d&provider=gmail");
        assert!(groups[0].links[1].current && !groups[0].links[0].current);
        assert_eq!(navigation("", "")[0].links[0].address, "/");
        assert_eq!(groups.iter().map(|group| group.links.len()).sum::<usize>(), PLACES.len());
    }
}
