/// What a runtime asks of a plugin: CNI_COMMAND, case-sensitive (SPEC section 2; P-1).
public enum Command: String, CaseIterable, Sendable, CustomStringConvertible {
    case add = "ADD"
    case del = "DEL"
    case check = "CHECK"
    case gc = "GC"
    case status = "STATUS"
    case version = "VERSION"

    public var description: String { rawValue }

    /// Whether the operation concerns one attachment.
    public var hasAttachment: Bool { self == .add || self == .del || self == .check }

    /// The first version whose configurations allow the operation (P-12).
    public var since: SpecVersion {
        switch self {
        case .add, .del, .version: .v0_1_0
        case .check: .v0_4_0
        case .gc, .status: .v1_1_0
        }
    }

    /// Variables that must stand in the environment and not be empty (P-4, P-4b), in the order of error messages.
    var requiredVariables: [String] {
        switch self {
        case .add, .check: ["CNI_CONTAINERID", "CNI_NETNS", "CNI_IFNAME"]
        case .del: ["CNI_CONTAINERID", "CNI_IFNAME"]
        case .gc: ["CNI_PATH"]
        case .status, .version: []
        }
    }
}
