/** SVG to PNG, with a font that comes along: a machine without fonts gets the same picture. */
import { createRequire } from "node:module";

/** What Inter has no shapes for (Chinese, Arabic, symbols, …) is taken from the machine's own fonts, where it has any. */
const BEYOND_INTER = /[^\n -\u052f\u1e00-\u1fff\u2000-\u214f\u2190-\u2199\u2200-\u22ff\u25a0-\u25ff]/u;

/**
 * The library is loaded on the first call, so that nobody who draws no PNG waits for it.
 *
 * @param svg a file that stands by itself, see `standaloneSvg`
 * @param scale pixels of the PNG for each pixel of the SVG
 * @throws Error, one line: no library for this platform, or an SVG that is not well formed
 */
export async function svgToPng(svg: string, scale = 2): Promise<Uint8Array> {
  const { Resvg } = await import("@resvg/resvg-js").catch((cause: Error) => {
    throw new Error(
      `PNG: @resvg/resvg-js cannot be loaded on this platform (${cause.message.split("\n")[0]}); the SVG files hold the same pictures`,
    );
  });
  const require = createRequire(import.meta.url);
  const font = (name: string): string =>
    require.resolve(`@expo-google-fonts/inter/${name}/Inter_${name}.ttf`);
  try {
    return new Resvg(svg, {
      fitTo: { mode: "zoom", value: scale },
      font: {
        fontFiles: [font("400Regular"), font("600SemiBold")],
        loadSystemFonts: BEYOND_INTER.test(svg),
        defaultFontFamily: "Inter",
        sansSerifFamily: "Inter",
      },
    })
      .render()
      .asPng();
  } catch (cause) {
    throw new Error(`PNG: the picture cannot be drawn (${(cause as Error).message.split("\n")[0]})`);
  }
}
