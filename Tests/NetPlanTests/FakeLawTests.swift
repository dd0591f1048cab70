import NetCore
import NetPlan
import Testing

/// The laws of the plan on the fake kernel: cheap, and for every step.
@Suite("Laws of the plan, on the fake kernel")
struct FakeLawTests {
    /// A fake on which the plans of the chain but the last hold.
    static func before(_ chain: Chain) throws -> (kernel: FakeKernel, plan: Plan) {
        var kernel = FakeKernel()
        var plans = try chain.plans()
        let last = plans.removeLast()
        for plan in plans { try kernel.apply(plan) }
        return (kernel, last)
    }

    @Test("apply, and nothing is missing", arguments: Chain.all + Chain.settings)
    func applied(_ chain: Chain) throws {
        var (kernel, plan) = try FakeLawTests.before(chain)
        try kernel.apply(plan)
        #expect(try kernel.findings(plan) == [])
    }

    @Test("on a bare host everything of a plan is missing", arguments: Chain.all)
    func bare(_ chain: Chain) throws {
        var kernel = FakeKernel()
        let plan = try #require(try chain.plans().last)
        #expect(try kernel.findings(plan).isEmpty == plan.resources.isEmpty)
    }

    @Test("apply and sweep, and all is as before, save what is shared; with keys as without", arguments: Chain.all)
    func swept(_ chain: Chain) throws {
        var (kernel, plan) = try FakeLawTests.before(chain)
        try kernel.apply(plan)
        try kernel.sweep(plan.owner, keys: nil)
        let baseline = kernel.objects
        try kernel.apply(plan)
        try kernel.sweep(plan.owner, keys: plan.netfilter.owned.map(\.identity))
        #expect(kernel.objects == baseline)
        #expect(baseline.values.allSatisfy { !$0.belongs(to: plan.owner) })
    }

    @Test("a failure at any step leaves nothing that is owned", arguments: Chain.all + Chain.settings)
    func failing(_ chain: Chain) throws {
        let (kernel, plan) = try FakeLawTests.before(chain)
        var shared = kernel
        try shared.apply(Plan(owner: plan.owner, namespace: plan.namespace, shared: plan.shared))
        for step in 1...(plan.resources.count + 1) {
            var copy = kernel
            copy.failingStep = step
            #expect(throws: ApplyFailure.self) { try copy.apply(plan) }
            let added = copy.objects.filter { kernel.objects[$0.key] != $0.value }
            #expect(added.allSatisfy { shared.objects[$0.key] == $0.value }, "step \(step)")
            #expect(kernel.objects.keys.allSatisfy { copy.objects[$0] != nil }, "step \(step)")
        }
    }

    @Test("apply twice: an error, and the first stands unchanged", arguments: Chain.all)
    func twice(_ chain: Chain) throws {
        var (kernel, plan) = try FakeLawTests.before(chain)
        try kernel.apply(plan)
        let first = kernel.objects
        guard plan.isExclusive else { return }
        #expect(throws: ApplyFailure.self) { try kernel.apply(plan) }
        #expect(kernel.objects == first)
        #expect(try kernel.findings(plan) == [])
    }

    @Test("the sweep of a network keeps the valid attachments, and other networks")
    func network() throws {
        var kernel = FakeKernel()
        let one = try #require(try Chain.bridges[4].plans("c1").first)
        let two = try #require(try Chain.bridges[4].plans("c2", interface: "eth1", addresses: ["10.88.0.9/16"]).first)
        let other = try #require(
            try Chain.bridges[4].plans("c1", network: "net2", interface: "eth2", addresses: ["10.88.0.10/16"]).first)
        for plan in [one, two, other] { try kernel.apply(plan) }
        try kernel.sweep(plugin: "bridge", network: "net1", except: [two.owner.attachment])
        #expect(try !kernel.findings(one).isEmpty)
        #expect(try kernel.findings(two) == [])
        #expect(try kernel.findings(other) == [])
    }

    @Test("N-3 ports that overlap are refused with their holder, others are not", arguments: PortCase.all)
    func conflicts(_ example: PortCase) throws {
        var kernel = FakeKernel()
        try kernel.apply(example.holder)
        let before = kernel.objects
        var failure: ApplyFailure?
        do throws(ApplyFailure) { try kernel.apply(example.claimant) } catch { failure = error }
        #expect((failure != nil) == example.conflicts)
        guard let failure else { return }
        #expect(kernel.objects == before)
        guard case .taken(_, let holder) = failure.cause else {
            Issue.record("\(failure) is no conflict")
            return
        }
        #expect(holder == "net1/c1/eth0")
    }
}

extension FakeKernel.Object {
    func belongs(to owner: Owner) -> Bool {
        tag.map { $0 == owner.alias || $0.hasPrefix(owner.commentPrefix) } ?? false
    }
}

extension Plan {
    /// It makes something that cannot be made twice.
    var isExclusive: Bool {
        !netfilter.owned.isEmpty
            || owned.contains {
                switch $0 {
                case .vethPair, .macvlan, .functionalBlock, .tokenBucket, .ingressRedirect: true
                default: false
                }
            }
    }
}

/// Two claims to ports of the host (cni.md N-3).
struct PortCase: Sendable, CustomStringConvertible {
    let description: String
    let holder: Plan
    let claimant: Plan
    let conflicts: Bool

    init(_ held: String, _ claimed: String, conflicts: Bool) {
        description = "\(held) against \(claimed)"
        holder = PortCase.plan("c1", held, target: "10.88.0.2", "fd88::2")
        claimant = PortCase.plan("c2", claimed, target: "10.88.0.3", "fd88::3")
        self.conflicts = conflicts
    }

    /// "address ports protocol", with shifted+ before ports that change their numbers.
    private static func plan(_ container: String, _ text: String, target four: String, _ six: String) -> Plan {
        let words = text.split(separator: " ").map(String.init)
        let shifted = words[1].hasPrefix("+")
        let ports = words[1].drop { $0 == "+" }.split(separator: "-").map { UInt16($0)! }
        let owner = Owner(
            plugin: "portmap",
            attachment: Attachment(network: "net1", containerID: container, interface: LinkName("eth0")!))
        let address = IPAddress(words[0])
        let families: [AddressFamily] =
            words[0] == "any"
            ? [.v4, .v6] : words[0] == "any4" ? [.v4] : words[0] == "any6" ? [.v6] : [address!.family]
        return Plan(
            owner: owner, namespace: nil,
            owned: families.map {
                .portForward(
                    PortForward(
                        hostAddress: address, proto: TransportProtocol(rawValue: words[2])!,
                        hostPorts: ports.first!...ports.last!,
                        target: IPAddress($0 == .v4 ? four : six)!,
                        targetPort: shifted ? ports.first! + 1000 : ports.first!))
            })
    }

    static let all: [PortCase] = [
        PortCase("any 80 tcp", "any 80 tcp", conflicts: true), PortCase("any 80 tcp", "any +80 tcp", conflicts: true),
        PortCase("any 80 tcp", "any 81 tcp", conflicts: false), PortCase("any 80 tcp", "any 80 udp", conflicts: false),
        PortCase("any 80 udp", "any 80 sctp", conflicts: false),
        PortCase("any4 80 tcp", "any6 80 tcp", conflicts: false),
        PortCase("any4 80 tcp", "any 80 tcp", conflicts: true),
        PortCase("any 80 tcp", "127.0.0.1 80 tcp", conflicts: true),
        PortCase("127.0.0.1 80 tcp", "any 80 tcp", conflicts: true),
        PortCase("127.0.0.1 80 tcp", "192.0.2.1 80 tcp", conflicts: false),
        PortCase("127.0.0.1 80 tcp", "any6 80 tcp", conflicts: false),
        PortCase("fd99::1 80 tcp", "any4 80 tcp", conflicts: false),
        PortCase("fd99::1 80 tcp", "any 80 tcp", conflicts: true),
        PortCase("192.0.2.1 80 tcp", "192.0.2.1 80 tcp", conflicts: true),
        PortCase("any 8000-8010 tcp", "any 8010 tcp", conflicts: true),
        PortCase("any 8000-8010 tcp", "any 8011 tcp", conflicts: false),
        PortCase("any 8000-8010 tcp", "any 7999 tcp", conflicts: false),
        PortCase("any 8005 tcp", "any 8000-8010 tcp", conflicts: true),
        PortCase("any 8000-8010 tcp", "any 8010-8020 tcp", conflicts: true),
        PortCase("any 8000-8010 tcp", "any 8011-8020 tcp", conflicts: false),
        PortCase("any 8000-8010 tcp", "any 8000-8010 udp", conflicts: false),
        PortCase("any 8000-8010 tcp", "192.0.2.1 8005 tcp", conflicts: true),
        PortCase("192.0.2.1 8005 tcp", "any 8000-8010 tcp", conflicts: true),
        PortCase("192.0.2.1 8000-8010 tcp", "any 8005 tcp", conflicts: true),
        PortCase("192.0.2.1 8000-8010 tcp", "192.0.2.2 8005 tcp", conflicts: false),
        PortCase("192.0.2.1 8000-8010 tcp", "192.0.2.1 8005-8006 tcp", conflicts: true),
        PortCase("192.0.2.1 8000-8010 tcp", "any 8000-8010 tcp", conflicts: true),
        PortCase("any +8000-8010 tcp", "any 8005 tcp", conflicts: true),
        PortCase("any 8005 tcp", "any +8000-8010 tcp", conflicts: true),
        PortCase("any +8000-8010 tcp", "any 8000-8010 tcp", conflicts: true),
        PortCase("any 1-65535 tcp", "any 65535 tcp", conflicts: true),
        PortCase("any 1-65535 tcp", "any 1 tcp", conflicts: true),
        PortCase("any4 8000-8010 tcp", "any6 8000-8010 tcp", conflicts: false),
    ]
}
