//! What the system knows about users and groups: private groups, and owners outside of a user namespace.

use std::sync::OnceLock;

/// Returns whether `group` has no member but the user `owner`: the group that many systems give to each user.
///
/// Reads `/etc/group` and `/etc/passwd`. A group that is not listed may have members elsewhere. Root's group is
/// not private: what belongs to root need not be writable for it.
pub(crate) fn is_private(group: u32, owner: u32) -> bool {
    if owner == 0 || group == 0 {
        return false;
    }
    let read = |path| std::fs::read_to_string(path).unwrap_or_default();
    is_private_in(&read("/etc/group"), &read("/etc/passwd"), group, owner)
}

fn is_private_in(groups: &str, users: &str, group: u32, owner: u32) -> bool {
    let is_number = |field: Option<&str>, number: u32| field.and_then(|f| f.parse().ok()) == Some(number);
    let mut names = users.lines().filter(|line| is_number(line.split(':').nth(2), owner));
    let Some(name) = names.next().and_then(|line| line.split(':').next()) else { return false };
    let mut entries = groups.lines().filter(|line| is_number(line.split(':').nth(2), group)).peekable();
    let is_known = entries.peek().is_some();
    let has_others = entries.any(|line| {
        let members = line.split(':').nth(3).unwrap_or_default();
        members.split(',').any(|member| !member.trim().is_empty() && member.trim() != name)
    });
    let mut others = users
        .lines()
        .filter(|line| is_number(line.split(':').nth(3), group) && !is_number(line.split(':').nth(2), owner));
    is_known && !has_others && others.next().is_none()
}

/// Returns whether `owner` is what this user namespace shows for all users outside it.
pub(crate) fn is_from_outside(owner: u32) -> bool {
    static OUTSIDE: OnceLock<Option<u32>> = OnceLock::new();
    let outside = OUTSIDE.get_or_init(|| {
        let read = |path| std::fs::read_to_string(path).ok();
        outside_in(&read("/proc/self/uid_map")?, &read("/proc/sys/kernel/overflowuid")?)
    });
    *outside == Some(owner)
}

/// Returns the number of users outside, where the map leaves any out.
fn outside_in(map: &str, overflow: &str) -> Option<u32> {
    let overflow: u32 = overflow.trim().parse().ok()?;
    let mapped: u64 =
        map.lines().filter_map(|line| line.split_whitespace().nth(2)?.parse::<u64>().ok()).sum();
    (mapped < u64::from(u32::MAX)).then_some(overflow)
}

#[cfg(test)]
mod tests {
    use super::*;

    const USERS: &str = "root:x:0:0:root:/root:/bin/sh\nann:x:1000:1000::/home/ann:/bin/sh\n\
                         bob:x:1001:1001::/home/bob:/bin/sh\neve:x:1002:1001::/home/eve:/bin/sh\n";
    const GROUPS: &str =
        "root:x:0:\nann:x:1000:\nbob:x:1001:\nweb:x:2000:ann,bob\nanns:x:2001:ann\nempty:x:2002:\n";

    #[test]
    fn a_group_is_private_where_no_file_names_another_member() {
        for (group, owner, is) in [
            (1000, 1000, true),
            (2001, 1000, true),
            (2002, 1000, true),
            // Another's primary group, another member, another owner, not listed, no such user.
            (1001, 1001, false),
            (2000, 1000, false),
            (1000, 1001, false),
            (3000, 1000, false),
            (2002, 4000, false),
        ] {
            assert_eq!(is_private_in(GROUPS, USERS, group, owner), is, "{group} of {owner}");
        }
        assert!(!is_private(0, 0));
    }

    #[test]
    fn only_a_map_that_leaves_users_out_has_an_outside() {
        assert_eq!(outside_in("         0          0 4294967295\n", "65534\n"), None);
        assert_eq!(outside_in("0 1000 1\n", "65534\n"), Some(65_534));
        assert_eq!(outside_in("0 1000 1\n1 100000 65536\n", "65534\n"), Some(65_534));
        assert_eq!(outside_in("0 1000 1", "?"), None);
    }
}
