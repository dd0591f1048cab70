import NetCore

/// All that comes in by a link of the host leaves by an ifb, and so through its queue.
public struct IngressRedirect: Hashable, Sendable {
    public let link: LinkName
    public let target: LinkName

    public init(link: LinkName, target: LinkName) {
        self.link = link
        self.target = target
    }

    var words: String { "what comes in by \(link) goes through \(target)" }

    func commands(_ shell: ShellWriter) -> [String] {
        let name = ShellWriter.word(link)
        return [
            "tc qdisc add dev \(name) handle ffff: ingress",
            "tc filter add dev \(name) parent ffff: protocol all pref \(TrafficControl.preference) u32 match u32 0 0 action mirred egress redirect dev \(target)",
        ]
    }

    /// Qdisc and filter come in one send: a kill cannot fall between, and an ingress qdisc without our filter is never ours.
    func create(_ kernel: inout LinuxKernel) throws(KernelError) {
        let index = try kernel.requireIndex(link, .host)
        let qdisc = try TrafficControl.addIngress(to: index, named: link.description)
        // The filter is tried even when the qdisc is refused: it must not fall on one of somebody else's.
        if try kernel.host.ingressQdisc(of: index, named: link.description) != nil { throw isTaken(qdisc.operation) }
        let outcomes = try kernel.host.attempt([qdisc, try filter(&kernel, index)])
        if let refusal = outcomes[0] {
            if outcomes[1] == nil {
                try kernel.host.perform([try TrafficControl.deleteRedirect(from: index, named: link.description)])
            }
            if refusal.errno == .alreadyExists { throw isTaken(refusal.operation) }
            throw lacking(refusal, "ingress qdiscs", "CONFIG_NET_SCH_INGRESS")
        }
        if let refusal = outcomes[1] {
            try kernel.host.perform([try TrafficControl.deleteIngress(from: index, named: link.description)])
            throw lackingFilters(refusal)
        }
    }

    private func filter(_ kernel: inout LinuxKernel, _ index: Int32) throws(KernelError) -> NetlinkRequest {
        let end = try kernel.requireIndex(target, .host)
        return try TrafficControl.addRedirect(
            from: index, named: link.description, to: end, named: target.description)
    }

    private func isTaken(_ operation: String) -> KernelError {
        KernelError(
            operation, .alreadyExists,
            "the link has one already, from somebody else or from an ADD before: tc filter show dev \(link) ingress")
    }

    private func lackingFilters(_ refusal: KernelError) -> KernelError {
        lacking(refusal, "u32 filters, or their mirred action", "CONFIG_NET_CLS_U32 and CONFIG_NET_ACT_MIRRED")
    }

    private func lacking(_ refusal: KernelError, _ what: String, _ option: String) -> KernelError {
        guard refusal.errno == .noSuchFile || refusal.errno == .notSupported else { return refusal }
        return KernelError(
            refusal.operation, refusal.errno, "this kernel has no \(what); it must be built with \(option)")
    }

    /// The qdisc and our filter stand again; filters of others beside it are left alone.
    func mend(_ kernel: inout LinuxKernel) throws(KernelError) {
        let index = try kernel.requireIndex(link, .host)
        // The ifb may be another one by now.
        kernel.indexes.removeAll { $0.name == target.description && $0.place == .host }
        guard try kernel.host.ingressQdisc(of: index, named: link.description) != nil else {
            return try create(&kernel)
        }
        let filters = try kernel.host.ingressFilters(of: index, named: link.description)
        if filters.contains(where: \.isOurs) {
            try kernel.host.perform([try TrafficControl.deleteRedirect(from: index, named: link.description)])
        }
        do throws(KernelError) {
            try kernel.host.perform([try filter(&kernel, index)])
        } catch {
            throw lackingFilters(error)
        }
    }

    func remove(_ kernel: inout LinuxKernel) throws(KernelError) { try kernel.endRedirect(link) }

    func findings(_ kernel: inout LinuxKernel) throws(KernelError) -> [Finding] {
        let object = "redirection of \(link)"
        let wanted = "to \(target)"
        guard let index = try kernel.index(link, .host) else {
            return [Finding(object, expected: wanted, found: "no link \(link)")]
        }
        let filters = try kernel.host.ingressFilters(of: index, named: link.description).filter(\.isOurs)
        let end = try kernel.link(target, .host)
        if let end, filters.contains(where: { $0.target == end.index }) { return [] }
        guard let other = filters.compactMap(\.target).first else {
            return [Finding(object, expected: wanted, found: "absent")]
        }
        let name = other == 0 ? nil : try kernel.link(index: other)?.name
        return [Finding(object, expected: wanted, found: name.map { "to \($0)" } ?? "to a link that has gone")]
    }
}

extension LinuxKernel {
    /// Of the bandwidth plugin nothing stands on the link, which another plugin has made; that it has gone is no failure.
    public mutating func unshape(_ link: LinkName) throws(KernelError) {
        // First what would lose packets without its ifb.
        try endRedirect(link)
        try lift(link)
    }

    /// Whether anything of it stands there.
    public mutating func isShaped(_ link: LinkName) throws(KernelError) -> Bool {
        guard let found = try self.link(link, .host) else { return false }
        if try host.rootQdisc(of: found.index, named: found.name)?.isOurs == true { return true }
        return try host.ingressFilters(of: found.index, named: found.name).contains(where: \.isOurs)
    }

    /// A qdisc under our handle is gone from the link, another's is left.
    mutating func lift(_ name: LinkName) throws(KernelError) {
        guard let link = try link(name, .host),
            try host.rootQdisc(of: link.index, named: link.name)?.isOurs == true
        else { return }
        try withoutRace { (kernel) throws(KernelError) in
            try kernel.host.perform([try TrafficControl.deleteTokenBucket(from: link.index, named: link.name)])
        }
    }

    /// Our filter is gone, and with it the ingress qdisc, unless filters of others stand there.
    mutating func endRedirect(_ name: LinkName) throws(KernelError) {
        guard let link = try link(name, .host),
            try host.ingressQdisc(of: link.index, named: link.name)?.kind == "ingress"
        else { return }
        let filters = try host.ingressFilters(of: link.index, named: link.name)
        guard filters.contains(where: \.isOurs) else { return }
        let request =
            filters.allSatisfy(\.isOurs)
            ? try TrafficControl.deleteIngress(from: link.index, named: link.name)
            : try TrafficControl.deleteRedirect(from: link.index, named: link.name)
        try withoutRace { (kernel) throws(KernelError) in try kernel.host.perform([request]) }
    }

    /// That somebody was faster, or the link has gone meanwhile, is no failure.
    private mutating func withoutRace(_ body: (inout LinuxKernel) throws(KernelError) -> Void) throws(KernelError) {
        _ = try ignoring(.noSuchFile, .noSuchDevice, .invalidArgument) { () throws(KernelError) in try body(&self) }
    }
}
