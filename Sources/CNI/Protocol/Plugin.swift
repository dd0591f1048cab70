/// What answers a runtime's calls: a plugin with a plan, or an address management of our own.
public protocol Plugin: Sendable {
    /// The CNI type.
    var name: String { get }
    var supportedVersions: [SpecVersion] { get }

    /// The attachment exists. Throws with nothing left behind (P-34).
    func add(_ request: Request) throws(CNIError) -> CNIResult
    /// Throws when something of the attachment is missing or different.
    func check(_ request: Request) throws(CNIError)
    /// Nothing of the attachment exists; that nothing existed is no failure (P-50).
    func del(_ request: Request) throws(CNIError)
    /// Of the network nothing exists but what `validAttachments` names (P-57).
    func gc(_ request: Request) throws(CNIError)
    /// Throws when an ADD could not succeed (P-56).
    func status(_ request: Request) throws(CNIError)
}

extension Plugin {
    public var supportedVersions: [SpecVersion] { SpecVersion.allCases }
}
