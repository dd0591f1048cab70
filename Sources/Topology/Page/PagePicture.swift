/// A map laid out for the page of `berth view`, in pixels from the top left: boxes, what is in them, wires, and where on
/// these a packet's card finds room. The page draws it and computes no place of its own.
public struct PagePicture: Hashable, Sendable {
    public internal(set) var width = 0
    public internal(set) var height = 0
    public internal(set) var boxes: [Box] = []
    public internal(set) var wires: [Wire] = []
    public internal(set) var lanes: [Lane] = []

    /// Pixels.
    public typealias Point = Picture.Point

    /// A node.
    public struct Box: Hashable, Sendable {
        public let id: String
        public let title: String
        /// "router", "host", "container", or nothing.
        public let role: String
        public internal(set) var x: Int
        public internal(set) var y: Int
        public internal(set) var width: Int
        public internal(set) var height: Int
        public internal(set) var labels: [Label] = []
        /// The main way of packets through the node; upright, or level where it only goes across.
        public internal(set) var spine: [Point] = []
        /// From the marks on the walls to the spine.
        public internal(set) var stubs: [[Point]] = []
        public internal(set) var marks: [Mark] = []
        public internal(set) var bars: [Bar] = []
        /// The names of the nodes that this box stands for; empty for a box of one.
        public internal(set) var collapsed: [String] = []
    }

    public struct Mark: Hashable, Sendable {
        public enum Kind: String, Hashable, Sendable { case device, gate, route, bridge, port }
        public let id: String
        public let kind: Kind
        public internal(set) var at: Point
    }

    /// A bridge, with the points at which its ports' wires begin.
    public struct Bar: Hashable, Sendable {
        public let id: String
        public internal(set) var x: Int
        public internal(set) var y: Int
        public internal(set) var width: Int
        public internal(set) var ports: [Port]

        public struct Port: Hashable, Sendable {
            public let id: String
            /// From 1.
            public let number: Int
            public internal(set) var at: Point
        }
    }

    /// A line of text: the left end of its baseline.
    public struct Label: Hashable, Sendable {
        public let id: String
        public let role: String
        public let text: String
        public internal(set) var x: Int
        public internal(set) var y: Int
        public let isDown: Bool
        public var width: Int { text.count * Metrics.letter }
    }

    public struct Wire: Hashable, Sendable {
        public let id: String
        public let isUp: Bool
        public internal(set) var points: [Point]
    }

    /// The centre of a place for the packet's card, on the wire or spine itself.
    public struct Lane: Hashable, Sendable {
        /// A wire's or a mark's.
        public let id: String
        public internal(set) var at: Point
    }

    /// Pixels.
    public enum Metrics {
        /// A character of 13 px monospace.
        public static let letter = 8
        public static let row = 20
        /// From a row's top to the foot of its letters.
        static let baseline = 15
        public static let cardWidth = 200
        public static let cardHeight = 38
        static let margin = 8
        static let padding = 12
        static let title = 30
        /// A level way across a box, on which nothing else stands.
        static let band = 60
        /// A gate's row.
        static let gate = 48
        /// The free place around an upright spine, and its centre, from a box's left wall.
        static let lane = 212
        static let spine = 106
        static let bar = 40
        /// Between two boxes side by side, and one above the other.
        static let gutter = 104
        static let gap = 64
        static let grid = 28
    }
}

extension NetworkMap {
    /// Most boxes that are drawn one by one; beyond, the nodes of each bridge are one box.
    public static let mostSingleBoxes = 30

    /// For a page at least 900 px wide: columns of hops from the outermost node, and below each node what hangs on its bridges.
    public var widePicture: PagePicture { WideLayout(collapsed).picture }

    /// For a narrow one: everything below each other, 390 px wide.
    public var narrowPicture: PagePicture { NarrowLayout(collapsed).picture }
}
