import Glibc
import NetCore
import NetPlan
import TestSupport
import Testing

/// The laws of the plan where they count: on the running kernel, each in a host of its own.
@Suite("Laws of the plan, on the running kernel")
struct KernelLawTests {
    static let state = StateDirectory("/run/scratch/state")

    static func kernel() throws -> LinuxKernel { try LinuxKernel(namespace: "/run/netns/blue", state: state) }

    /// Host and container, as far as plugins change them.
    static func state(_ host: PrivateHost) throws -> [String] {
        let inner = try host.inside("blue") { try host.state(folders: []).lines }
        // The kernel gives a link its fe80 address when it likes.
        return (try host.state(folders: []).lines + inner.map { "in blue: \($0)" }).filter { !$0.contains("fe80:") }
    }

    /// Links, but for bridges: those are shared. What stood before the first apply must look so after the sweep.
    static func links(_ lines: [String]) -> [String] {
        lines.filter { ($0.hasPrefix("link ") || $0.hasPrefix("in blue: link ")) && !$0.contains("link cni") }
    }

    static func difference(_ after: [String], _ before: [String]) -> String {
        let (old, new) = (Set(before), Set(after))
        return
            (before.filter { !new.contains($0) }.map { "- \($0)" }
            + after.filter { !old.contains($0) }.map { "+ \($0)" })
            .joined(separator: "\n")
    }

    /// A host with a container in which the plans of the chain but the last hold.
    static func with(_ chain: Chain, _ body: @escaping @Sendable (PrivateHost, Plan) throws -> Void) throws {
        var plans = try chain.plans()
        let last = plans.removeLast()
        let before = plans
        try PrivateHost.run { host in
            try host.makeNamespace("blue")
            if chain.livesInContainer {
                try host.cable("wan0", [], to: "blue", "wan1", [])
            }
            var kernel = try KernelLawTests.kernel()
            for plan in before { try kernel.apply(plan) }
            try body(host, last)
        }
    }

    static func failure(_ plan: Plan, namespace: String = "/run/netns/blue") throws -> ApplyFailure? {
        var kernel = try LinuxKernel(namespace: namespace, state: state)
        do throws(ApplyFailure) {
            try kernel.apply(plan)
            return nil
        } catch {
            return error
        }
    }

    @Test("apply, and nothing is missing", arguments: Chain.all + Chain.settings)
    func applied(_ chain: Chain) throws {
        try KernelLawTests.with(chain) { host, plan in
            var kernel = try KernelLawTests.kernel()
            try kernel.apply(plan)
            host.expect(try kernel.findings(plan), is: [], "right after it")
            var other = try KernelLawTests.kernel()
            host.expect(try other.findings(plan), is: [], "for another process")
        }
    }

    @Test("apply and sweep, and all is as before, save what is shared; with keys as without", arguments: Chain.all)
    func swept(_ chain: Chain) throws {
        try KernelLawTests.with(chain) { host, plan in
            // The state after one round is what the next must come back to: by then everything shared stands.
            var kernel = try KernelLawTests.kernel()
            let bare = try KernelLawTests.state(host)
            try kernel.apply(plan)
            try kernel.sweep(plan.owner, keys: nil)
            let baseline = try KernelLawTests.state(host)
            let left = KernelLawTests.difference(baseline, bare)
            host.expect(!left.contains(plan.owner.attachment.tag), "the owner's tag is left:\n\(left)")
            let cables = { (lines: [String]) in
                Set(
                    lines.filter { $0.contains("link veth") || $0.contains("link eth") }.map {
                        $0.split(separator: " ").prefix { !["up", "down"].contains($0) }.joined()
                    })
            }
            host.expect(cables(baseline) == cables(bare), "a cable is left:\n\(left)")
            host.expect(
                KernelLawTests.links(baseline) == KernelLawTests.links(bare), "a link of before is changed:\n\(left)")
            for keys in [nil, plan.netfilter.owned.map(\.identity)] {
                var again = try KernelLawTests.kernel()
                try again.apply(plan)
                var sweeper =
                    chain.livesInContainer
                    ? try KernelLawTests.kernel() : try LinuxKernel(state: KernelLawTests.state)
                try sweeper.sweep(plan.owner, keys: keys)
                let after = try KernelLawTests.state(host)
                host.expect(
                    after == baseline,
                    "\(keys == nil ? "without" : "with") keys:\n\(KernelLawTests.difference(after, baseline))")
                try sweeper.sweep(plan.owner, keys: keys)
                host.expect(try KernelLawTests.state(host) == baseline, "a second sweep changes something")
            }
        }
    }

    @Test("P-34 a failure at any step leaves nothing that is owned", arguments: Chain.all)
    func failing(_ chain: Chain) throws {
        try KernelLawTests.with(chain) { host, plan in
            let bare = try KernelLawTests.state(host)
            // Shared things first: they may stay.
            var kernel = try KernelLawTests.kernel()
            try kernel.apply(plan)
            try kernel.sweep(plan.owner, keys: nil)
            let baseline = try KernelLawTests.state(host)
            host.expect(KernelLawTests.links(baseline) == KernelLawTests.links(bare), "a link of before is changed")
            for step in 0...plan.owned.count {
                // A parameter that no kernel has: what stands before it is made, then it fails.
                var poisoned = plan
                poisoned.owned.insert(.sysctl(SysctlSetting(.host, "net/berth/there_is_none", "1")), at: step)
                let failure = try KernelLawTests.failure(poisoned)
                host.expect(
                    failure?.leftBehind.isEmpty == true, "step \(step): \(failure?.description ?? "no failure")")
                let after = try KernelLawTests.state(host)
                host.expect(after == baseline, "step \(step):\n\(KernelLawTests.difference(after, baseline))")
            }
            var again = try KernelLawTests.kernel()
            try again.apply(plan)
            host.expect(try again.findings(plan), is: [], "after all the failures")
        }
    }

    @Test("P-40 apply twice: an error, and the first stands unchanged", arguments: Chain.all)
    func twice(_ chain: Chain) throws {
        try KernelLawTests.with(chain) { host, plan in
            guard plan.isExclusive else { return }
            var kernel = try KernelLawTests.kernel()
            try kernel.apply(plan)
            let first = try KernelLawTests.state(host)
            let failure = try KernelLawTests.failure(plan)
            host.expect(failure != nil, "the second apply succeeds")
            host.expect(failure?.leftBehind.isEmpty == true, "something is left behind: \(failure?.description ?? "")")
            let after = try KernelLawTests.state(host)
            host.expect(after == first, KernelLawTests.difference(after, first))
            host.expect(try kernel.findings(plan), is: [], "the first")
        }
    }

    @Test("P-57 the sweep of a network keeps the valid attachments, and other networks")
    func network() throws {
        let chain = Chain.everything
        let plans = try ["c1", "c2", "c3"].enumerated().map { index, id in
            try chain.plans(
                id, netns: "/run/netns/\(id)", addresses: ["10.88.0.\(index + 2)/16", "fd88::\(index + 2)/64"]
            ).map { plan in
                var plan = plan
                // Ports of their own.
                plan.owned.removeAll { if case .portForward = $0 { index > 0 } else { false } }
                return plan
            }
        }
        let foreign = try Chain.bridges[4].plans(
            "c1", network: "net2", interface: "eth1", netns: "/run/netns/c1", addresses: ["10.88.9.9/16"])
        try PrivateHost.run { host in
            for id in ["c1", "c2", "c3"] { try host.makeNamespace(id) }
            for plan in plans.flatMap({ $0 }) + foreign {
                var kernel = try LinuxKernel(namespace: plan.namespace, state: KernelLawTests.state)
                try kernel.apply(plan)
            }
            var kernel = try LinuxKernel(state: KernelLawTests.state)
            let valid = plans[1][0].owner.attachment
            for plugin in ["firewall", "portmap", "bridge"] {
                try kernel.sweep(plugin: plugin, network: "net1", except: [valid])
                // The kernel gives a link its fe80 address when it likes.
                func state() throws -> HostState { try host.state(folders: []).matching { !$0.contains("fe80:") } }
                let once = try state()
                try kernel.sweep(plugin: plugin, network: "net1", except: [valid])
                let difference = try state().difference(from: once)
                host.expect(difference, is: "", "what the second sweep of \(plugin) changes")
            }
            func missing(_ plans: [Plan]) throws -> [Int] {
                try plans.map { plan in
                    var kernel = try LinuxKernel(namespace: plan.namespace, state: KernelLawTests.state)
                    return try kernel.findings(plan).count
                }
            }
            host.expect(try missing(plans[1]), is: [0, 0, 0], "what is valid")
            host.expect(try missing(foreign), is: [0], "another network")
            host.expect(
                try missing(plans[0]).allSatisfy { $0 > 0 } && missing(plans[2])[0] > 0, "what is not valid stands")
            let text = try host.must("nft list ruleset") + host.must("ip -d link")
            for gone in [plans[0][0], plans[2][0]] {
                host.expect(
                    !text.contains(gone.owner.attachment.tag) && !text.contains(gone.owner.alias),
                    "\(gone.owner) is left:\n\(text)")
            }
        }
    }

    @Test(
        "N-3 ports that overlap are refused with their holder before a rule is changed, others are not",
        arguments: PortCase.all)
    func conflicts(_ example: PortCase) throws {
        try PrivateHost.run { host in
            var kernel = try LinuxKernel(state: KernelLawTests.state)
            try kernel.apply(example.holder)
            let before = try host.state(folders: [])
            var failure: ApplyFailure?
            do throws(ApplyFailure) { try kernel.apply(example.claimant) } catch { failure = error }
            host.expect((failure != nil) == example.conflicts, "conflict: \(failure?.description ?? "none")")
            guard let failure else {
                host.expect(try kernel.findings(example.claimant), is: [], "the second")
                return
            }
            if case .taken(_, let holder) = failure.cause {
                host.expect(holder, is: "net1/c1/eth0", "the holder")
            } else {
                host.expect(false, "\(failure) is no conflict")
            }
            host.expect(try host.state(folders: []).difference(from: before), is: "", "the ruleset")
        }
    }
}
