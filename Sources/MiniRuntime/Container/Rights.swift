import CContainer
import Glibc
import NetCore

/// How a process comes to the user, the limits and the capabilities that it is to have.
extension ProcessSpec {
    /// A limit above the hard one takes CAP_SYS_RESOURCE: said before anything is made.
    func judgeRights() throws(OCIError) {
        guard !ProcessSpec.isFree else { return }
        for limit in limits {
            var soft: UInt64 = 0
            var hard: UInt64 = 0
            guard berth_get_limit(limit.resource, &soft, &hard) == 0 else { continue }
            guard limit.hard <= hard else {
                throw OCIError(
                    "set \(limit.name) to \(limit.hard): the hard limit here is \(hard), and this host withholds CAP_SYS_RESOURCE: ask for at most \(hard)"
                )
            }
        }
        if let killScore {
            let own = ProcessSpec.ownKillScore
            guard killScore >= own else {
                throw OCIError(
                    "set oomScoreAdj to \(killScore): this host withholds CAP_SYS_RESOURCE, so it cannot go below \(own): ask for more or leave it out"
                )
            }
        }
    }

    private static var isFree: Bool { effectiveCapabilities & 1 << UInt64(Capability.systemResource) != 0 }

    static var effectiveCapabilities: UInt64 {
        var sets = CapabilitySets()
        _ = berth_capget(&sets.effective, &sets.permitted, &sets.inheritable)
        return sets.effective
    }

    private static var ownKillScore: Int {
        do throws(KernelError) {
            let text = String(decoding: try Files.read("/proc/self/oom_score_adj"), as: UTF8.self)
            return Int(text.prefix { $0 != "\n" }) ?? 0
        } catch {
            return 0
        }
    }

    /// From outside of a user namespace, for inside of it CAP_SYS_RESOURCE raises no limit.
    func raiseLimits(of pid: pid_t) throws(KernelError) {
        for limit in limits {
            try check("raise \(limit.name) to \(limit.hard)") {
                berth_raise_hard_limit(pid, limit.resource, limit.hard)
            }
        }
    }

    func setLimits() throws(KernelError) {
        for limit in limits {
            try check("set \(limit.name) to \(limit.soft):\(limit.hard)") {
                berth_set_limit(limit.resource, limit.soft, limit.hard)
            }
        }
        if let ioClass { try check("set the I/O priority") { berth_set_io_priority(ioClass, ioLevel) } }
        _ = umask(mode_t(mask ?? 0o022))
    }

    /// The user and groups; the capabilities are kept until `drop`, which is the last step.
    func becomeUser() throws(KernelError) {
        let sets = capabilities ?? CapabilitySets()
        for number in 0..<64 where berth_bounding_has(Int32(number)) == 1 && sets.bounding & 1 << UInt64(number) == 0 {
            try check("drop capability \(number) from the bounding set") { berth_bounding_drop(Int32(number)) }
        }
        try check("keep capabilities") { berth_keep_capabilities(1) }
        try check("become group \(group)") { berth_set_group(group) }
        try check("take the groups") { berth_set_groups(groups, groups.count) }
        try check("become user \(user)") { berth_set_user(user) }
        try check("forget to keep capabilities") { berth_keep_capabilities(0) }
        // setuid(2) took them from the effective set, which the filter still needs.
        var held = CapabilitySets()
        try check("read the capabilities") { berth_capget(&held.effective, &held.permitted, &held.inheritable) }
        if held.effective != held.permitted {
            try check("raise the capabilities") { berth_capset(held.permitted, held.permitted, held.inheritable) }
        }
    }

    /// The five sets are what was asked for, less what this host withholds from everybody.
    func dropCapabilities() throws(KernelError) {
        let sets = capabilities ?? CapabilitySets()
        var held = CapabilitySets()
        try check("read the capabilities") { berth_capget(&held.effective, &held.permitted, &held.inheritable) }
        let permitted = sets.permitted & held.permitted
        let inheritable = sets.inheritable & (held.permitted | held.inheritable)
        _ = berth_ambient_clear()
        try check("set the capabilities") { berth_capset(sets.effective & permitted, permitted, inheritable) }
        let ambient = sets.ambient & permitted & inheritable
        for number in 0..<64 where ambient & 1 << UInt64(number) != 0 {
            try check("raise the ambient capability \(number)") { berth_ambient_raise(Int32(number)) }
        }
    }
}
