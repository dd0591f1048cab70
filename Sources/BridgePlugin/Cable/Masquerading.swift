import CNI
import NetCore
import NetPlan
import PluginKit

/// `ipMasq` and what goes with it.
public struct Masquerading: Sendable {
    /// Fixed outgoing addresses (`snatTo`), the first of a family counts.
    public let translations: [IPAddress]
    public let fullyRandom: Bool
    /// Destinations that see the container's own address (`noMasqTo`).
    public let exceptions: [IPPrefix]
    /// What rewrites the source.
    public let backend: Plan.Backend

    /// Nil when it is not asked for; its keys are checked all the same. Throws code 7 or 2 with key and value.
    init?(_ request: Request) throws(CNIError) {
        let root = request.configuration.root
        backend = try request.backend("ipMasqBackend")
        let isOn = try root.bool("ipMasq")
        fullyRandom = try root.bool("fullyRandom")
        translations = try Masquerading.list(root, "snatTo", "an address", IPAddress.init)
        exceptions = try Masquerading.list(root, "noMasqTo", "a network as address/length", IPPrefix.init)
        if !isOn { return nil }
    }

    /// Of one address, with its subnet's length.
    func resource(_ source: IPPrefix) -> Masquerade {
        Masquerade(
            source: source, translation: translations.first { $0.family == source.family }, fullyRandom: fullyRandom,
            exceptions: exceptions)
    }

    private static func list<Element>(
        _ root: ConfigurationObject, _ key: String, _ kind: String, _ parse: (String) -> Element?
    ) throws(CNIError) -> [Element] {
        var elements: [Element] = []
        for text in try root.strings(key) ?? [] {
            guard let element = parse(text) else { throw root.error(key, "holds \"\(text)\", which is not \(kind)") }
            elements.append(element)
        }
        return elements
    }
}
