import Glibc
import NetCore

/// What makes NAT and filtering in the plugins that a test runs: BERTH_TEST_BACKEND, nftables when it is not set. The same
/// tests run over all three.
public enum TestBackend: String, Sendable, CaseIterable {
    case nftables
    case iptablesNft = "iptables-nft"
    case iptablesLegacy = "iptables-legacy"

    public static let current: TestBackend = {
        guard let text = getenv("BERTH_TEST_BACKEND").map({ String(cString: $0) }), !text.isEmpty else {
            return .nftables
        }
        guard let backend = TestBackend(rawValue: text) else {
            fatalError("BERTH_TEST_BACKEND=\(text) is none of \(TestBackend.allCases.map(\.rawValue))")
        }
        return backend
    }()

    /// What is done in the test's own process chooses by its environment, too, and finds the programs beside the plugins.
    static let isPrepared: Bool = {
        for (name, value) in current.environment where getenv(name) == nil { setenv(name, value, 1) }
        let root = #filePath.split(separator: "/").dropLast(3).map { "/\($0)" }.joined()
        for (name, program) in [
            ("BERTH_IPTABLES_PROGRAM", "berth-iptables"), ("BERTH_FIREWALLD_PROGRAM", "berth-firewalld"),
        ] where getenv(name) == nil { setenv(name, "\(root)/build/bin/\(program)", 1) }
        return true
    }()

    public var isIptables: Bool { self != .nftables }

    /// What a plugin's process is told.
    public var environment: [String: String] {
        switch self {
        case .nftables: [:]
        case .iptablesNft: ["BERTH_BACKEND": "iptables", "BERTH_IPTABLES": "nft"]
        case .iptablesLegacy: ["BERTH_BACKEND": "iptables", "BERTH_IPTABLES": "legacy"]
        }
    }

    /// `iptables-nft` or `iptables-legacy`, as a command; with "6", ip6tables'.
    public func program(_ family: AddressFamily) -> String {
        let variant = self == .iptablesLegacy ? "legacy" : "nft"
        return family == .v4 ? "iptables-\(variant)" : "ip6tables-\(variant)"
    }
}
