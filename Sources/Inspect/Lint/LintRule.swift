/// The mistakes that `berth lint` knows (cni.md section 4, rank 9). The names are a promise; docs/cli.md tells each.
public enum LintRule: String, Hashable, Sendable, CaseIterable {
    // In one file.
    case notJSON = "not-json"
    case repeatedKey = "repeated-key"
    case wrongEnding = "wrong-ending"
    case badList = "bad-list"
    case badVersion = "bad-version"
    // In one plugin.
    case missingPlugin = "missing-plugin"
    case badValue = "bad-value"
    case unknownKey = "unknown-key"
    case unusedCapability = "unused-capability"
    case missingCapability = "missing-capability"
    case noDefaultRoute = "no-default-route"
    // Among the plugins of a list.
    case pluginOrder = "plugin-order"
    case pluginTwice = "plugin-twice"
    // Among the lists of a directory.
    case sameName = "same-name"
    case twoDefaults = "two-defaults"
    case overlappingNetworks = "overlapping-networks"
    case sharedBridge = "shared-bridge"
    // Against this host.
    case overlappingRoute = "overlapping-route"
    case mtuAboveUplink = "mtu-above-uplink"
    case forwardDrop = "forward-drop"

    public enum Severity: String, Hashable, Sendable {
        /// An ADD fails, or a container that stands is harmed.
        case error
        /// It works, and hardly as it was meant.
        case warning
    }

    /// What a finding of the rule weighs unless it says otherwise.
    public var severity: Severity {
        switch self {
        case .notJSON, .wrongEnding, .badList, .badVersion, .missingPlugin, .badValue, .pluginOrder, .pluginTwice,
            .sameName, .overlappingNetworks, .sharedBridge, .overlappingRoute:
            .error
        case .repeatedKey, .unknownKey, .unusedCapability, .missingCapability, .noDefaultRoute, .twoDefaults,
            .mtuAboveUplink, .forwardDrop:
            .warning
        }
    }
}

/// One mistake at one place.
public struct LintFinding: Hashable, Sendable {
    public let rule: LintRule
    public let severity: LintRule.Severity
    public let file: String
    /// From 1.
    public let line: Int
    /// From 1, in characters.
    public let column: Int
    /// A sentence without a full stop.
    public let reason: String
    public let fix: String
}
