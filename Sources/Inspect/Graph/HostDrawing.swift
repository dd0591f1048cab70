/// A scene in boxes and cables, 80 columns wide: the host on the left, its containers on the right.
public struct HostDrawing: Sendable {
    private let scene: HostScene
    private let isASCII: Bool
    private var rows: [String] = []

    /// `ascii` draws with + - | and > alone.
    public init(_ scene: HostScene, ascii: Bool = false) {
        self.scene = scene
        isASCII = ascii
    }

    /// Columns of the host's box, the gap that cables bridge, and a container's box: 80 in all.
    private enum Width {
        static let host = 46
        static let bridge = host - 4
        static let gap = 4
        static let container = 30
    }

    public var text: String {
        var drawing = self
        drawing.draw()
        let lines = drawing.rows.map { row in
            var line = row
            while line.last == " " { line.removeLast() }
            return line + "\n"
        }
        return isASCII ? String(lines.joined().map(HostDrawing.plain)) : lines.joined()
    }

    private static func plain(_ character: Character) -> Character {
        switch character {
        case "┌", "┐", "└", "┘", "┤", "┼": "+"
        case "─": "-"
        case "│": "|"
        case "►": ">"
        case "…": "~"
        default: character
        }
    }

    private mutating func draw() {
        rows = [HostDrawing.top("host", Width.host)]
        for uplink in scene.uplinks { draw(uplink) }
        if scene.bridges.isEmpty, scene.loose.isEmpty { host("no bridges, no attachments") }
        for bridge in scene.bridges { draw(bridge) }
        for cable in scene.loose { draw(cable, walls: "") { "│" + HostDrawing.fit($0, Width.host - 2) + "│" } }
        rows.append(HostDrawing.bottom(Width.host))
    }

    private mutating func draw(_ uplink: HostScene.Uplink) {
        let first = " " + ([uplink.name] + uplink.addresses.prefix(1)).joined(separator: "  ") + " "
        let beyond = uplink.gateways.isEmpty ? "" : " default route by \(uplink.gateways.joined(separator: ", "))"
        rows.append(
            "│" + HostDrawing.fit(first, Width.host - 2, filler: "─") + "┼" + HostDrawing.line(Width.gap)
                + HostDrawing.fit(beyond, Width.container))
        let indent = String(repeating: " ", count: uplink.name.count + 2)
        for address in uplink.addresses.dropFirst() { host(indent + address) }
    }

    private mutating func draw(_ bridge: HostScene.Bridge) {
        if rows.count > 1 { host("") }
        let state =
            switch bridge.state {
            case .up: ""
            case .down: " (down)"
            case .missing: " (missing)"
            }
        rows.append("│ " + HostDrawing.top("bridge \(bridge.name)\(state)", Width.bridge) + " │")
        for address in bridge.addresses { inner(address) }
        if bridge.cables.contains(where: \.entry.isMasqueraded) { inner("traffic out carries the host's address") }
        if bridge.otherPorts > 0 {
            inner("\(bridge.otherPorts) more port\(bridge.otherPorts == 1 ? "" : "s"), not of berth")
        }
        for cable in bridge.cables {
            draw(cable) { "│ │" + HostDrawing.fit($0, Width.bridge - 2) + "│ │" }
        }
        rows.append("│ " + HostDrawing.bottom(Width.bridge) + " │")
    }

    /// The container's box beside the rows of its host end and its published ports.
    /// `walls` are those that stand left of the host's own and around its end.
    private mutating func draw(_ cable: HostScene.Cable, walls: String = "│ ", on left: (String) -> String) {
        let entry = cable.entry
        let gap = String(repeating: " ", count: Width.gap)
        let ports = entry.ports.map { " \($0.published) ─► \($0.port)" }
        var facts = entry.addresses.flatMap { HostDrawing.wrapped($0, Width.container - 4) }
        if !entry.isDone { facts.append("its ADD has not ended") }
        rows.append(left("") + gap + HostDrawing.top(entry.shortID, Width.container))
        let interface = "\(entry.attachment.interface) on \(entry.attachment.network)"
        if cable.state == .missing || entry.hostInterface == nil {
            let end = entry.hostInterface.map { " \($0) (missing)" } ?? ""
            rows.append(left(end) + gap + HostDrawing.side(interface, Width.container))
        } else {
            let end = " \(entry.hostInterface ?? "")\(cable.state == .down ? " (down)" : "") "
            // The cable passes through the walls of host and, where there is one, bridge.
            let inner = Width.host - 2 - 2 * walls.count
            rows.append(
                walls + "│" + HostDrawing.fit(end, inner, filler: "─") + (walls.isEmpty ? "┼" : "┼─┼")
                    + HostDrawing.line(Width.gap) + "┤"
                    + HostDrawing.side(interface, Width.container).dropFirst())
        }
        for index in 0..<max(facts.count, ports.count) {
            let fact = index < facts.count ? facts[index] : ""
            rows.append(left(index < ports.count ? ports[index] : "") + gap + HostDrawing.side(fact, Width.container))
        }
        rows.append(left("") + gap + HostDrawing.bottom(Width.container))
    }

    private mutating func host(_ text: String) { rows.append(HostDrawing.side(text, Width.host)) }
    private mutating func inner(_ text: String) { rows.append("│ " + HostDrawing.side(text, Width.bridge) + " │") }

    // MARK: pieces of boxes

    private static func line(_ count: Int) -> String { String(repeating: "─", count: max(0, count)) }
    private static func top(_ title: String, _ width: Int) -> String {
        "┌─" + fit(title.count > width - 5 ? " " + fit(title, width - 5) + " " : " \(title) ", width - 3, filler: "─")
            + "┐"
    }
    private static func bottom(_ width: Int) -> String { "└" + line(width - 2) + "┘" }
    private static func side(_ text: String, _ width: Int) -> String { "│ " + fit(text, width - 4) + " │" }

    /// Exactly `width` characters: cut with an ellipsis, or filled.
    private static func fit(_ text: String, _ width: Int, filler: String = " ") -> String {
        let text = text.visible
        if text.count > width { return text.prefix(width - 1) + "…" }
        return text + String(repeating: filler, count: width - text.count)
    }

    private static func wrapped(_ text: String, _ width: Int) -> [String] {
        var rest = text[...]
        var lines: [String] = []
        while !rest.isEmpty {
            lines.append((lines.isEmpty ? "" : "  ") + rest.prefix(lines.isEmpty ? width : width - 2))
            rest = rest.dropFirst(lines.count == 1 ? width : width - 2)
        }
        return lines
    }
}
