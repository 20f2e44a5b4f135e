//! Events that services tell by a message id, not by the words of their message: systemd's catalog.
//!
//! Ids are those of `journalctl --list-catalog` (systemd 252 to 262). Most come from the service manager,
//! `messages_suppressed` and `messages_missed` from journald, `coredump` from systemd-coredump.

/// Message ids and the events' names, sorted by name.
pub(crate) static EVENTS: [(u128, &str); 20] = [
    (0xfc2e_22bc_6ee6_47b6_b907_29ab_34a2_50b1, "coredump"),
    (0x5aad_d8e9_54dc_4b1a_8c95_4d63_fd9e_1137, "coredump_truncated"),
    (0x1675_d7f1_7217_4098_b110_8bf8_c7dc_8f5d, "dnssec_failed"),
    (0x6412_5765_1c1b_4ec9_a862_4d7a_40a9_e1e7, "exec_failed"),
    (0xf773_79a8_490b_408b_be5f_6940_505a_777b, "journal_started"),
    (0xd93f_b3c9_c24d_451a_97ce_a615_ce59_c00b, "journal_stopped"),
    (0xe9bf_28e6_e834_481b_b6f4_8f54_8ad1_3606, "messages_missed"),
    (0xa596_d6fe_7bfa_4994_828e_7230_9e95_d61e, "messages_suppressed"),
    (0xfe6f_aa94_e777_4663_a0da_5271_7891_d8ef, "oom_kill"),
    (0xd989_611b_15e4_4c9d_bf31_e3c8_1256_e4ed, "oomd_kill"),
    (0x98e3_2220_3f7a_4ed2_90d0_9fe0_3c09_fe15, "process_exited"),
    (0xae8f_7b86_6b03_47b9_af31_fe1c_80b1_27c0, "resources_consumed"),
    (0x5eb0_3494_b658_4870_a536_b337_2908_09b3, "restart_scheduled"),
    (0x9826_8866_d1d5_4a49_9c4e_9892_1d93_bc40, "shutdown"),
    (0x6bbd_95ee_9779_41e4_97c4_8be2_7c25_4128, "sleep"),
    (0xbe02_cf68_55d2_428b_a40d_f7e9_d022_f03d, "start_failed"),
    (0x5087_6a9d_b00f_4c40_bde1_a2ad_381c_3a1b, "tainted"),
    (0xc7a7_8707_9b35_4eaa_a9e7_7b37_1893_cd27, "time_change"),
    (0xd9b3_73ed_55a6_4feb_8242_e02d_be79_a49c, "unit_failed"),
    (0x0e42_84a0_caca_4bfc_81c0_bb67_8697_2673, "unit_skipped"),
];

/// The number of the event that a message id tells, as [`EVENTS`] has it.
pub(crate) fn find(id: &[u8]) -> Option<u8> {
    // journald takes ids with dashes, too.
    let text: String = std::str::from_utf8(id).ok()?.chars().filter(|c| *c != '-').collect();
    if text.len() != 32 {
        return None;
    }
    let id = u128::from_str_radix(&text, 16).ok()?;
    EVENTS.iter().position(|(known, _)| *known == id)?.try_into().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_are_found_in_every_spelling() {
        assert!(EVENTS.is_sorted_by_key(|(_, name)| name));
        let name = |id: &[u8]| find(id).map(|index| EVENTS[usize::from(index)].1);
        assert_eq!(name(b"d9b373ed55a64feb8242e02dbe79a49c"), Some("unit_failed"));
        assert_eq!(name(b"FE6FAA94E7774663A0DA52717891D8EF"), Some("oom_kill"));
        assert_eq!(name(b"fc2e22bc-6ee6-47b6-b907-29ab34a250b1"), Some("coredump"));
        assert_eq!(name(b"+9b373ed55a64feb8242e02dbe79a49c"), None);
        assert_eq!(name(b"d9b373"), None);
        assert_eq!(name(b""), None);
    }
}
