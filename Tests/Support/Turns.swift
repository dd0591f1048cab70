/// Who may have a host among several: as many at once as there are places, the others in the order in which they came.
actor Turns {
    static let shared = Turns(places: 5)

    private var places: Int
    private var waiting: [CheckedContinuation<Void, Never>] = []

    init(places: Int) { self.places = places }

    func take() async {
        if places > 0 {
            places -= 1
        } else {
            await withCheckedContinuation { waiting.append($0) }
        }
    }

    func give() {
        if waiting.isEmpty { places += 1 } else { waiting.removeFirst().resume() }
    }
}
