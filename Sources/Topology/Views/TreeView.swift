extension NetworkMap {
    /// The map as an indented tree: each node below the one that it hangs on, for many nodes and narrow terminals.
    public func tree(columns: Int = 80, ascii: Bool = false) -> String {
        let form = Form(limit: 1_000)
        let layers = Layers(self, form)
        var lines: [String] = []
        for component in layers.components {
            guard let first = component.first?.first else { continue }
            if !lines.isEmpty { lines.append("") }
            branch(first, by: nil, depth: 0, layers, columns, &lines)
        }
        return lines.map { line in
            (ascii ? line.map { Canvas.plain($0) }.joined() : line) + "\n"
        }.joined()
    }

    private func branch(
        _ name: String, by cable: Cable?, depth: Int, _ layers: Layers, _ columns: Int, _ lines: inout [String]
    ) {
        guard let node = node(name) else { return }
        // However deep: some room for words is left.
        let indent = min(4 * depth, max(columns - 30, 0))
        func put(_ text: String, _ more: Int) {
            let room = max(columns - indent - more, 16)
            lines += wrapped(text, room).map { String(repeating: " ", count: indent + more) + $0 }
        }
        let state = cable.map { $0.isUp ? "" : "  cable DOWN" } ?? ""
        put("[\(name)]\(state)", 0)
        for entry in layers.entries[name] ?? [] {
            switch entry.role {
            case .gate: put("╪ " + entry.lines.joined(separator: " "), 2)
            case .badge, .note: put(entry.lines.joined(separator: " "), 2)
            default:
                guard let link = node.link(entry.link ?? "") else { continue }
                // The addresses stand on the link's own line here.
                let words = [words(of: link, in: node)] + link.addresses.map { visible($0) }
                put("● " + words.joined(separator: "  "), 2 + entry.indent)
            }
        }
        for child in children(of: name, layers) {
            branch(child.node, by: child.cable, depth: depth + 1, layers, columns, &lines)
        }
    }

    private func children(of name: String, _ layers: Layers) -> [(node: String, cable: Cable)] {
        let depth = (layers.distance[name] ?? 0) + 1
        return layers.components.flatMap { depth < $0.count ? $0[depth] : [] }.compactMap { child in
            guard let cable = layers.parents[child], cable.near.node == name || cable.far.node == name else {
                return nil
            }
            return (child, cable)
        }
    }
}
