extension NetworkMap {
    /// For Graphviz: a record a node, its links as ports.
    public var dot: String {
        var lines = ["graph berth {", "  rankdir=LR;", "  node [shape=record, fontname=\"monospace\"];"]
        for node in nodes {
            var fields = [NetworkMap.field(node.name)]
            for link in node.shownLinks {
                let words = [words(of: link, in: node)] + link.addresses
                fields.append("<\(NetworkMap.port(link))> " + words.map(NetworkMap.field).joined(separator: "\\n"))
            }
            fields += node.gates.map { NetworkMap.field("\($0.hook): \($0.words)") }
            fields += (node.badges + node.notes).map(NetworkMap.field)
            lines.append("  \(NetworkMap.quoted(node.name)) [label=\"\(fields.joined(separator: "|"))\"];")
        }
        for cable in cables where cable.near.node != cable.far.node {
            let ends = [cable.near, cable.far].map { end in
                "\(NetworkMap.quoted(end.node)):l\(node(end.node)?.link(end.link)?.index ?? 0)"
            }
            var options = ["label=\(NetworkMap.quoted(cable.kind))"]
            if !cable.isUp { options.append("style=dashed") }
            lines.append("  \(ends.joined(separator: " -- ")) [\(options.joined(separator: ", "))];")
        }
        return (lines + ["}"]).map { $0 + "\n" }.joined()
    }

    private static func port(_ link: Link) -> String { "l\(link.index)" }

    private static func quoted(_ text: String) -> String {
        "\"" + escaped(text, "\"\\") + "\""
    }

    /// Text within a record's label, in which some characters mean something.
    private static func field(_ text: String) -> String { escaped(text, "\"\\{}|<>") }

    private static func escaped(_ text: String, _ special: String) -> String {
        var found = ""
        for letter in visible(text) {
            if special.contains(letter) { found += "\\" }
            found.append(letter)
        }
        return found
    }
}
