/// The number that tells a runtime what went wrong (SPEC section 5; cni.md P-16, P-17). Below 100 the specification's,
/// from 100 on berth's own: all of them stand here.
public struct CNIErrorCode: RawRepresentable, Hashable, Sendable {
    public let rawValue: Int
    public init(rawValue: Int) { self.rawValue = rawValue }

    public static let incompatibleVersion = CNIErrorCode(rawValue: 1)
    /// The message holds key and value.
    public static let unsupportedField = CNIErrorCode(rawValue: 2)
    /// The runtime need not call DEL.
    public static let unknownContainer = CNIErrorCode(rawValue: 3)
    public static let invalidEnvironment = CNIErrorCode(rawValue: 4)
    public static let inputOutput = CNIErrorCode(rawValue: 5)
    public static let decoding = CNIErrorCode(rawValue: 6)
    public static let invalidConfiguration = CNIErrorCode(rawValue: 7)
    /// CNI_NETNS; the reference's number, not in the specification.
    public static let invalidNamespace = CNIErrorCode(rawValue: 8)
    public static let tryAgainLater = CNIErrorCode(rawValue: 11)
    /// STATUS: an ADD would fail.
    public static let notAvailable = CNIErrorCode(rawValue: 50)
    /// STATUS: an ADD would fail, and what was attached before is harmed too.
    public static let limitedConnectivity = CNIErrorCode(rawValue: 51)
    /// The reference's number for anything without one.
    public static let `internal` = CNIErrorCode(rawValue: 999)

    public static let portConflict = CNIErrorCode(rawValue: 100)
    public static let addressInUse = CNIErrorCode(rawValue: 101)
    public static let poolExhausted = CNIErrorCode(rawValue: 102)
    public static let interfaceExists = CNIErrorCode(rawValue: 103)
    public static let linkMissing = CNIErrorCode(rawValue: 104)
    /// The details list what stayed.
    public static let rollbackIncomplete = CNIErrorCode(rawValue: 105)
    /// CHECK: the details are a JSON list of differences.
    public static let driftFound = CNIErrorCode(rawValue: 106)
}
