import { counterRandom } from "@outright/data";
import { expect, it } from "vitest";
import { CachePlaces, type Place } from "../../dist/generate/cache-places.js";

it("never gives a row twice, and is whole again when all is given back", () => {
  const uniform = counterRandom(1, "places");
  const places = new CachePlaces(200);
  const taken: Place[] = [];
  for (let i = 0; i < 3000; i++) {
    const wanted = 1 + Math.floor(40 * uniform(2 * i));
    const place = uniform(2 * i + 1) < 0.55 ? places.take(wanted) : null;
    if (place !== null) {
      expect(place.rows).toBe(wanted);
      expect(place.begin >= 0 && place.begin + place.rows <= 200).toBe(true);
      for (const other of taken)
        expect(place.begin >= other.begin + other.rows || other.begin >= place.begin + place.rows).toBe(true);
      taken.push(place);
    } else if (taken.length > 0) {
      places.give(taken.splice(Math.floor(taken.length * uniform(2 * i)), 1)[0] as Place);
    }
  }
  for (const place of taken) places.give(place);
  expect(places.take(201)).toBeNull();
  expect(places.take(200)).toEqual({ begin: 0, rows: 200 });
  expect(places.take(1)).toBeNull();
});
