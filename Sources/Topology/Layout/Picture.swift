/// A map laid out: what stands where, in cells of one character, from the top left. Terminal, SVG and web page draw the same.
public struct Picture: Hashable, Sendable {
    public internal(set) var width = 0
    public internal(set) var height = 0
    public internal(set) var boxes: [Box] = []
    public internal(set) var wires: [Wire] = []

    public struct Point: Hashable, Sendable {
        public var x: Int
        public var y: Int

        public init(_ x: Int, _ y: Int) {
            self.x = x
            self.y = y
        }
    }

    /// A node. Its walls stand in the outermost cells.
    public struct Box: Hashable, Sendable {
        public let id: String
        public let title: String
        public internal(set) var x: Int
        public internal(set) var y: Int
        public internal(set) var width: Int
        public internal(set) var height: Int
        public internal(set) var labels: [Label]
        /// The way of packets from the outer devices through the gates to the inner ones; empty without gates.
        public internal(set) var spine: [Point]
        /// Where on it devices and gates sit.
        public internal(set) var marks: [Mark]
    }

    public struct Mark: Hashable, Sendable {
        public enum Kind: String, Hashable, Sendable { case device, gate }
        public let kind: Kind
        public internal(set) var at: Point
    }

    /// A line of text.
    public struct Label: Hashable, Sendable {
        public let id: String
        /// "device", "bridge", "port", "gate", "badge", "note".
        public let role: String
        public internal(set) var x: Int
        public internal(set) var y: Int
        public let text: String
        public let isDown: Bool
    }

    /// A cable, as the corners of a line that runs level and upright alone.
    public struct Wire: Hashable, Sendable {
        public let id: String
        public let kind: String
        public let isUp: Bool
        public internal(set) var points: [Point]
    }
}

extension NetworkMap {
    /// The layout with everything said, however wide it is.
    public var picture: Picture { Layout(self, Form(limit: 44)).picture }

    /// The most telling layout of at most `width` columns; nil when none is so narrow.
    func picture(within width: Int) -> Picture? {
        for allAddresses in [true, false] {
            for limit in [44, 36, 32, 28, 24, 22, 20, 18, 16, 15, 14] {
                let form = Form(limit: limit, allAddresses: allAddresses, padding: allAddresses ? 1 : 0)
                let picture = Layout(self, form).picture
                if picture.width <= width { return picture }
            }
        }
        return nil
    }
}
